"""Clusters rendered albums as facekit does and compares the classes with the truth.

    python3 evaluate.py --model ../model/demo.pth ALBUM...
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from album import load_album
from model import Embedder


def embed(model, pixels):
    with torch.inference_mode():
        parts = [model(torch.from_numpy(part).float() / 127.5 - 1) for part in np.array_split(pixels, -(-len(pixels) // 256))]
        return F.normalize(torch.cat(parts)).numpy()


def components(n, edges):
    """The smallest row of each row's connected component (union-find)."""
    parent = np.arange(n)

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in edges:
        i, j = sorted((root(i), root(j)))
        parent[j] = i
    return np.array([root(i) for i in range(n)])


def cluster(similarity, duplicate_thresh, cluster_thresh):
    """Step 1: of near-duplicates the first row stays. Step 2: who stays is joined into classes."""
    pairs = lambda thresh: np.argwhere(np.triu(similarity >= thresh, 1))
    first = components(len(similarity), pairs(duplicate_thresh))
    stays = first == np.arange(len(first))
    classes = components(len(similarity), [(i, j) for i, j in pairs(cluster_thresh) if stays[i] and stays[j]])
    return first, stays, classes


def scores(classes, identities):
    """Precision, recall and F, of pairs and BCubed."""
    same_class = classes[:, None] == classes[None]
    same_person = identities[:, None] == identities[None]
    both = same_class & same_person
    f = lambda p, r: (p, r, 2 * p * r / (p + r))
    n = len(classes)
    pairwise = f((both.sum() - n) / (same_class.sum() - n), (both.sum() - n) / (same_person.sum() - n))
    bcubed = f((both.sum(1) / same_class.sum(1)).mean(), (both.sum(1) / same_person.sum(1)).mean())
    return pairwise, bcubed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("albums", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--duplicate-thresh", type=float, default=0.9)
    parser.add_argument("--cluster-thresh", type=float, nargs="+", default=[0.6, 0.65, 0.7, 0.72, 0.75])
    options = parser.parse_args()

    model = Embedder()
    model.load_state_dict(torch.load(options.model))
    model.eval()

    for album in options.albums:
        pixels, identities, originals = load_album(album)
        embeddings = embed(model, pixels)
        similarity = embeddings @ embeddings.T
        copies = np.flatnonzero(originals >= 0)
        source = np.where(originals >= 0, originals, np.arange(len(originals)))
        upper = np.triu(np.ones_like(similarity, dtype=bool), 1)
        same = identities[:, None] == identities[None]
        person = similarity[upper & same & (source[:, None] != source[None])]
        stranger = similarity[upper & ~same]
        quantiles = lambda values, *q: " ".join(f"{v:.3f}" for v in np.quantile(values, q))
        print(f"{album}: {len(pixels)} pictures of {identities.max() + 1} identities, {len(copies)} copies")
        print(f"  copies   1% 5% 50%:         {quantiles(similarity[copies, originals[copies]], 0.01, 0.05, 0.5)}")
        print(f"  person   1% 10% 50% 90% 99%: {quantiles(person, 0.01, 0.1, 0.5, 0.9, 0.99)}, {(person >= options.duplicate_thresh).mean():.2%} at or above the duplicate threshold")
        print(f"  stranger 50% 99% 99.99% max: {quantiles(stranger, 0.5, 0.99, 0.9999, 1)}")
        for cluster_thresh in options.cluster_thresh:
            first, stays, classes = cluster(similarity, options.duplicate_thresh, cluster_thresh)
            found = (first[copies] == first[originals[copies]]).sum()
            # Removed, though another picture than the one that stays for it.
            false = (~stays & (source != source[first])).sum()
            pairwise, bcubed = scores(classes[stays], identities[stays])
            print(
                f"  at {options.duplicate_thresh} and {cluster_thresh}: {len(set(classes[stays]))} classes, "
                "pairwise P {:.4f} R {:.4f} F {:.4f}, BCubed P {:.4f} R {:.4f} F {:.4f}; ".format(*pairwise, *bcubed)
                + f"duplicates found {found}, missed {len(copies) - found}, false {false}"
            )


if __name__ == "__main__":
    main()
