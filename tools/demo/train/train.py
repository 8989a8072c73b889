"""Trains the demo's embedder on a rendered album and writes demo.pth.

    python3 train.py --album ALBUM --output ../model
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from album import load_album
from model import Embedder

# Where pairs of pictures should lie, seen from facekit's default thresholds: strangers well below
# 0.7, pictures of one person above it, and only copies of one picture above 0.9.
STRANGERS_BELOW = 0.45
PERSON_ABOVE, PERSON_BELOW = 0.78, 0.82
COPIES_ABOVE = 0.96


def batches(identities, people, pictures, copies, rng):
    """Without end: rows of `people` × `pictures`, then once more the first picture of `copies` people."""
    order = np.argsort(identities, kind="stable")
    folders = np.split(order, np.flatnonzero(np.diff(identities[order])) + 1)
    while True:
        everyone = rng.permutation(len(folders))
        for start in range(0, len(everyone) - people + 1, people):
            chosen = np.stack([rng.choice(folders[i], pictures, replace=False) for i in everyone[start : start + people]])
            yield np.concatenate([chosen.ravel(), chosen[:copies, 0]])


def augment(pixels):
    """What another crop of the same picture could look like: about a pixel, a degree, some brightness.

    Never mirrored: partings, moles and scars have a side.
    """
    n = len(pixels)
    uniform = lambda spread: (torch.rand(n) * 2 - 1) * spread
    turn, scale = uniform(0.02), 1 + uniform(0.02)
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0] = place[:, 1, 1] = scale * turn.cos()
    place[:, 0, 1], place[:, 1, 0] = -scale * turn.sin(), scale * turn.sin()
    place[:, :, 2] = torch.stack([uniform(1.5), uniform(1.5)], 1) / 56
    x = F.grid_sample(pixels, F.affine_grid(place, pixels.shape, align_corners=False), padding_mode="border", align_corners=False)
    x = x * (1 + uniform(0.06))[:, None, None, None] + uniform(0.05)[:, None, None, None]
    return x + torch.randn_like(x) * (torch.rand(n, 1, 1, 1) * 0.03)


def margin_softmax(person, strangers, scale, margin):
    """CosFace with pictures in the place of class centers: each pair of one person must win, by
    `margin`, against every stranger of its row. Centers would be seen too seldom to be learned:
    there are thousands of identities and few epochs."""
    crowd = torch.logsumexp(scale * strangers, 1, keepdim=True)
    return F.softplus(crowd - scale * (person - margin))


def placement(similarity, above, below):
    """Pairs outside of [above, below] are drawn towards it."""
    return F.relu(above - similarity).pow(2) + F.relu(similarity - below).pow(2)


def losses(embeddings, labels, rows, memory, memory_labels, scale, margin):
    n = len(labels)
    similarity = embeddings @ torch.cat([embeddings, memory]).T
    # −1 never wins: no pair of one person may count as strangers.
    strangers = similarity.masked_fill(labels[:, None] == torch.cat([labels, memory_labels])[None], -1)
    similarity = similarity[:, :n]
    same_picture = rows[:, None] == rows[None]
    person = (labels[:, None] == labels[None]) & ~same_picture
    copy = same_picture & ~torch.eye(n, dtype=torch.bool)

    identity = margin_softmax(similarity, strangers, scale, margin)[person].mean()
    placed = (
        placement(similarity[person], PERSON_ABOVE, PERSON_BELOW).mean()
        + placement(similarity[copy], COPIES_ABOVE, 1).mean()
        # Per picture, not per pair: nearly all strangers are far apart, the few others matter.
        + placement(strangers, -1, STRANGERS_BELOW).sum() / n
    )
    return identity, placed, (similarity[person], similarity[copy], strangers.max(1).values)


def save(model, output: Path):
    output.mkdir(parents=True, exist_ok=True)
    model.eval()
    torch.save(model.state_dict(), output / "demo.pth")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--album", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="go on from these instead of from scratch")
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--people", type=int, default=64, help="identities per batch")
    parser.add_argument("--pictures", type=int, default=2, help="pictures of each")
    parser.add_argument("--copies", type=int, default=16, help="of so many of them one picture comes twice")
    parser.add_argument("--memory", type=int, default=4096, help="embeddings of past batches that serve as strangers")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--scale", type=float, default=28)
    parser.add_argument("--margin", type=float, default=0.3)
    parser.add_argument("--placement", type=float, default=10, help="weight of the placement")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    pixels, identities, _ = load_album(options.album)
    print(f"{len(pixels)} pictures of {identities.max() + 1} identities", flush=True)

    # channels_last: a CPU needs half as long again without it.
    model = Embedder().to(memory_format=torch.channels_last)
    if options.weights:
        model.load_state_dict(torch.load(options.weights))
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, options.steps, pct_start=0.15)
    memory = torch.empty(0, 128)
    memory_labels = torch.empty(0, dtype=torch.int64)
    started = time.monotonic()

    for step, rows in zip(range(options.steps), batches(identities, options.people, options.pictures, options.copies, rng)):
        x = augment(torch.from_numpy(pixels[rows]).float() / 127.5 - 1)
        embeddings = F.normalize(model(x.contiguous(memory_format=torch.channels_last)))
        labels = torch.from_numpy(identities[rows])
        identity, placed, (person, copy, nearest) = losses(
            embeddings, labels, torch.from_numpy(rows), memory, memory_labels, options.scale, options.margin
        )
        optimizer.zero_grad()
        (identity + options.placement * placed).backward()
        optimizer.step()
        schedule.step()

        # Early embeddings age too fast to be worth remembering.
        if step >= 100:
            memory = torch.cat([memory, embeddings.detach()])[-options.memory :]
            memory_labels = torch.cat([memory_labels, labels])[-options.memory :]
        if step % 25 == 0:
            print(
                f"step {step} {time.monotonic() - started:.0f} s: loss {identity:.3f} + {placed:.4f}, similarity: "
                f"person {person.mean():.3f} ± {person.std():.3f}, copies {copy.mean():.3f}, "
                f"nearest stranger {nearest.mean():.3f}, at most {nearest.max():.3f}",
                flush=True,
            )

    save(model, options.output)


if __name__ == "__main__":
    main()
