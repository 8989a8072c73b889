"""The demo's embedder: an iresnet in the "revised" dialect, small enough for a CPU."""

from torch import nn

SIZE = 112


class Block(nn.Module):
    """bn3(conv2(act1(bn2(conv1(bn1(x)))))) + shortcut(x)"""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.act1 = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.BatchNorm2d(inputs),
                nn.AvgPool2d(2, stride, ceil_mode=True),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        y = self.conv1(self.bn1(x))
        y = self.conv2(self.act1(self.bn2(y)))
        return self.bn3(y) + self.shortcut(x)


class Embedder(nn.Module):
    """N×3×112×112 float32, (x/255 − 0.5)/0.5  →  N×dim float32, not normalised."""

    def __init__(self, stem=8, widths=(8, 16, 32, 64), blocks=(1, 2, 2, 1), dim=128):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem), nn.PReLU(stem))
        stages = []
        for inputs, outputs, count in zip((stem, *widths), widths, blocks):
            first = Block(inputs, outputs, 2)
            stages.append(nn.Sequential(first, *(Block(outputs, outputs, 1) for _ in range(count - 1))))
        self.body = nn.Sequential(*stages)
        side = SIZE // 2 ** len(widths)
        self.head = nn.Sequential(
            nn.BatchNorm2d(widths[-1]),
            nn.Flatten(),
            # Keeps its place for the sake of the key names; drawn pictures are plenty enough without.
            nn.Dropout(0),
            nn.Linear(widths[-1] * side * side, dim),
            nn.BatchNorm1d(dim),
        )

    def forward(self, x):
        return self.head(self.body(self.stem(x)))
