"""Small modules, one for each way in which a tensor can go on; the paths are told in the tests."""

# ruff: noqa: F841, RET504, RUF059
from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Same(nn.Module):
    """Gives back what it is given."""

    def forward(self, x: Any) -> Any:
        return x


class Net(nn.Module):
    """What all of them have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.other = nn.Linear(4, 4)
        self.first, self.second, self.third = Same(), Same(), Same()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.kept: Any = None


class Views(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x).view(2, 2, -1).transpose(0, 1)
        size = y.shape[0]
        z = y.reshape(size, -1) * 2
        return z


class InPlace(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        y += x
        y.mul_(2)
        z = torch.zeros(2, 4)
        z[0] = y[0]
        return z


class OneName(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer(x)
        x = x + 1
        y = x
        x = torch.ones(2, 4)
        x = x * 2
        return y.t()


class Tuples(Net):
    def forward(self, x: torch.Tensor) -> Any:
        left, right = self.layer(x).chunk(2)
        pair = (left, right)
        a, b = pair
        both = torch.cat([b, pair[0]])
        return {"both": both, "right": right}


class ThreeCalls(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.layer(x)
        b = self.first(a)
        c = self.second(b)
        d = self.third(c)
        return d.t()


class Loops(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        return x


class Comprehended(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        several = [layer(x) for layer in self.layers]
        return torch.stack(several)


class UsedAgain(Net):
    """At the address of a tensor that was deleted another one may stand."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        del y
        z = torch.ones(2, 4)
        return z + 1


class Kept(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        self.kept = y.detach()
        seen = []
        seen.append(y)
        self.other(y)
        return x


class Branches(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        gate = y.sigmoid()
        lost = y.exp()
        up = self.other(y)
        out = gate * up
        return out


class Inner(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y.relu()


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.inner, self.head = nn.LayerNorm(4), Inner(), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = x
        x = self.inner(self.norm(x))
        x = residual + x
        return self.head(x.flatten(1))


class Helped(Net):
    """A helper makes the call, and its lines are not watched."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        z = self.help(y)
        return z * 2

    def help(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Fails(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        z = y.t()
        raise ValueError(z.shape)


class Dtype(nn.Module):
    """Takes a tensor for its dtype alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones(2, 4, dtype=x.dtype)


class Doubtful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.table = nn.Linear(4, 4), Dtype()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        table = self.table(y)
        return y.exp() + table
