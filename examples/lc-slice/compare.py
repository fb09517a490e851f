"""Print how often tries of three engines meet a spec, what that costs, and how close they come to `rejection`.

`python compare.py [SPEC]`. What `rejection` accepts is distributed exactly as the prior under the conditions. Closeness
is told by nearest neighbours in the latent space, over two sets of the same size: the share of latents whose nearest
neighbour is of their own set (Schilling 1986). One distribution gives 50 %, two that are far apart give 100 %. The
second set of `rejection` shows how far from 50 % chance leads. CPU seconds hold the fit in a first run only.
"""

import sys
import time

import lc_core
import torch

COUNT = 1000
SEEDS = {"reference": 0, "rejection": 1, "gradient": 2, "slice.elliptical": 3}


def own_neighbours(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the share of rows of two sets `(N, D)` whose nearest neighbour is of their own set."""
    both = torch.cat([one, other])
    nearest = torch.cdist(both, both).fill_diagonal_(torch.inf).argmin(dim=1)
    first = torch.arange(len(both)) < len(one)
    return (first == first[nearest]).float().mean().item()


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else "four.yaml"
    latents = {}
    print(f"{path}, {COUNT} outputs of each engine, torch {torch.__version__}")
    print(
        f"{'engine':<18}{'tries that meet all':>20}{'decodes an output':>19}{'CPU seconds':>13}{'own neighbours':>16}"
    )
    for name, seed in SEEDS.items():
        spec = lc_core.load_spec(path, engine="rejection" if name == "reference" else name)
        began = time.process_time()
        result = lc_core.sample(
            model=spec.model.build(), constraints=spec.entries, engine=spec.engine.build(), count=COUNT, seed=seed
        )
        latents[name] = torch.from_numpy(result.latents).flatten(1)
        if name != "reference":
            met, cost = result.report["all"]["satisfied_before"], result.report["decodes"] / len(result)
            took, share = time.process_time() - began, own_neighbours(latents["reference"], latents[name])
            print(f"{name:<18}{met:>20.1%}{cost:>19.2f}{took:>13.1f}{share:>16.1%}")


if __name__ == "__main__":
    main()
