"""Train the local judge: a 1.5 B language model that reads question, answer and statement, five labels.

    python -m training.train_judge --pairs pairs.jsonl.gz --model FOLDER --out run/judge --holdout dev --minutes 9

FOLDER holds the base as ``grader.judge.base.convert`` writes it. Two stages: a sample of natural language inference,
hard sets first, then graded answers with a few of the first stage kept in. The clock decides: each stage's learning
rate falls to its end by the time that the stage may take, so a slow machine trains for fewer steps but never stops in
the middle of a schedule.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from grader.judge.head import JudgeHead
from grader.judge.layout import LAYOUT_VERSION, Layout, encode_texts
from training.data import Data, Item, Tokenise, batches, draw_epoch, read_rows, split
from training.lora import SCALE, add_lora
from training.loss import label_mask, set_loss
from training.measure import predict, write_report
from training.schedule import factor

NLI_SHARES = {  # prefix of the source: share of the sample; the rest comes from every other set
    "cad_nli": 0.24, "hossain_negation": 0.2, "conjnli": 0.12, "scone_nli": 0.12, "fool_me_twice": 0.12, "snli": 0.14,
}  # fmt: skip
SHARD_BYTES = 15 * 2**20


class JudgeModel(nn.Module):
    """Language model without its vocabulary head, and the classifier on its last token."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, JudgeHead(body.config.hidden_size)

    def forward(self, ids: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        """Classify sequences padded on the right: causal attention never lets the last token see padding."""
        with torch.autocast(ids.device.type, enabled=False):
            states = self.body(input_ids=ids, use_cache=False).last_hidden_state
            return self.head(states[torch.arange(len(last), device=last.device), last].float())


def load_body(folder: str) -> tuple[nn.Module, Callable]:
    """Model in bfloat16, and the function from texts to plain token ids, from a folder that ``convert`` wrote."""
    from grader.judge.base import load_base

    return load_base(Path(folder), "cpu")


def tiny_body() -> tuple[nn.Module, Callable]:
    """Random two-layer model over bytes, to try the program out."""
    from transformers import Qwen2Config, Qwen2Model

    config = Qwen2Config(vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096)  # fmt: skip
    return Qwen2Model(config).to(torch.bfloat16), lambda texts: [list(text.encode()) for text in texts]


def collate(items: list[Item], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (B, T) padded on the right, and the place of each last token (B)."""
    width = -(-max(len(ids) for (ids,) in items) // 8) * 8
    ids = torch.zeros(len(items), width, dtype=torch.long)
    for row, (tokens,) in enumerate(items):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    last = torch.tensor([len(tokens) - 1 for (tokens,) in items])
    return ids.to(device, non_blocking=True), last.to(device, non_blocking=True)


def sample_nli(rows: list[dict], size: int, rng: random.Random) -> list[dict]:
    """Inference pairs by ``NLI_SHARES``; a set that is short gives all it has."""
    by_set = defaultdict(list)
    for row in rows:
        by_set[next((prefix for prefix in NLI_SHARES if row["source"].startswith(prefix)), "")].append(row)
    shares = {**NLI_SHARES, "": 1 - sum(NLI_SHARES.values())}
    return [
        r for key, share in shares.items() for r in rng.sample(by_set[key], min(int(share * size), len(by_set[key])))
    ]


class Trainer:
    """Runs stages on one model.

    Args:
        model: Its trained parameters are those that require a gradient.
        data: Draws the items.
        tokens: A batch holds about this many.
        device: ``cuda`` or ``cpu``.
    """

    def __init__(self, model: JudgeModel, data: Data, tokens: int, device: str) -> None:
        self.model, self.data, self.tokens, self.device = model, data, tokens, device
        self.body = [p for p in model.body.parameters() if p.requires_grad]
        self.head = list(model.head.parameters())

    def run(self, epochs: list[list[dict]], lr: float, deadline: float, seed: int) -> None:
        """Train on each epoch's rows in turn, done by ``deadline`` (``time.monotonic`` seconds)."""
        plans = list(self._plan(epochs, random.Random(seed)))
        total, started, skipped, losses, seen = sum(len(p[2]) for p in plans), time.monotonic(), 0, [], 0
        optimiser = torch.optim.AdamW([{"params": self.body}, {"params": self.head}], lr=lr, weight_decay=0.01,
                                      eps=1e-6, betas=(0.9, 0.98), fused=self.device == "cuda")  # fmt: skip
        self.model.train()
        for step, (items, allowed) in enumerate(self._steps(plans)):
            progress = max(step / total, (time.monotonic() - started) / max(1.0, deadline - started))
            if progress >= 1:
                break
            share = factor(progress, total)
            for group, scale in zip(optimiser.param_groups, (1.0, 2.0), strict=True):
                group["lr"] = lr * scale * share
            loss, finite = self._step(optimiser, items, allowed)
            skipped += not finite
            losses.append(loss)
            seen += sum(len(ids) for (ids,) in items)
            if (step + 1) % 50 == 0:
                took = time.monotonic() - started
                print(f"  step {step + 1}/{total} loss {torch.stack(losses[-50:]).mean():.4f} progress {progress:.2f} "
                      f"{took:.0f}s {seen / took:.0f} tokens/s skipped {skipped}", flush=True)  # fmt: skip
        memory = torch.cuda.max_memory_allocated() / 2**30 if self.device == "cuda" else 0
        took = time.monotonic() - started
        print(f"  stage: {len(losses)} of {total} steps, {took:.0f}s, skipped {skipped}, {memory:.0f} GiB", flush=True)

    def _plan(self, epochs: list[list[dict]], rng: random.Random):  # noqa: ANN202 -- items, labels, batches
        for rows in epochs:
            items = [self.data.draw(row, rng) for row in rows]
            yield items, label_mask(rows), batches([len(item[0]) for item in items], self.tokens, rng)

    def _steps(self, plans: list):  # noqa: ANN202 -- items and labels of each batch
        for items, labels, groups in plans:
            for group in groups:
                yield [items[i] for i in group], labels[group].to(self.device)

    def _step(
        self, optimiser: torch.optim.Optimizer, items: list[Item], allowed: torch.Tensor
    ) -> tuple[torch.Tensor, bool]:
        loss = set_loss(self.model(*collate(items, self.device)), allowed)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_([*self.body, *self.head], 1.0)
        finite = bool(torch.isfinite(norm))
        if finite:
            optimiser.step()
        return loss.detach(), finite


def save(model: JudgeModel, out: Path, facts: dict) -> None:
    """Write updates and head in half precision, in files of at most 15 MiB, and what made them.

    Names are relative to the base: ``layers.0.self_attn.q_proj.a`` (rank, in), ``….b`` (out, rank); ``head.…``.
    """
    from safetensors.torch import save_file

    trained = {name: p for name, p in model.body.named_parameters() if p.requires_grad}
    trained |= {f"head.{name}": p for name, p in model.head.named_parameters()}
    shards, size = [{}], 0
    for name, parameter in trained.items():
        tensor = parameter.detach().half().contiguous().cpu()
        if size + tensor.nbytes > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    for index, shard in enumerate(shards, 1):
        save_file(shard, out / f"adapter-{index}-of-{len(shards)}.safetensors")
    (out / "adapter.json").write_text(json.dumps(facts, indent=1) + "\n")


def restore(model: JudgeModel, run: Path) -> None:
    """Load what ``save`` wrote."""
    from safetensors.torch import load_file

    trained = {name: p for name, p in model.body.named_parameters() if p.requires_grad}
    trained |= {f"head.{name}": p for name, p in model.head.named_parameters()}
    tensors = {name: t for file in sorted(run.glob("adapter-*.safetensors")) for name, t in load_file(file).items()}
    if tensors.keys() != trained.keys():
        raise SystemExit(f"{run} holds {len(tensors)} tensors, the model trains {len(trained)}: another rank or base?")
    for name, parameter in trained.items():
        parameter.data.copy_(tensors[name])


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--model", default="", help="folder of the converted base")
    parser.add_argument("--tiny", action="store_true", help="a random two-layer model instead")
    parser.add_argument("--out", required=True)
    parser.add_argument("--holdout", default="dev", help="dev, none, or foldIofN")
    parser.add_argument("--init", default="", help="continue from this run, without the first stage")
    parser.add_argument("--minutes", type=float, default=9, help="for everything, loading and measuring included")
    parser.add_argument("--reserve-s", type=float, default=-1, help="kept for measuring; 50, or 10 without a holdout")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--nli", type=int, default=12000, help="inference pairs in the first stage")
    parser.add_argument("--nli-lr", type=float, default=1e-4)
    parser.add_argument(
        "--nli-share", type=float, default=0.2, help="most of the training time that the first stage takes"
    )
    parser.add_argument("--epochs", type=int, default=5, help="over the graded pairs, at most")
    parser.add_argument("--lr", type=float, default=2.5e-4)
    parser.add_argument("--replay", type=int, default=2000, help="inference pairs kept in each later epoch")
    parser.add_argument("--spanish", type=float, default=0.3)
    parser.add_argument("--tokens", type=int, default=12288)
    parser.add_argument("--checkpoint", action="store_true", help="recompute activations: less memory, slower")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", default="", help="pairs without labels; what the judge says of them is kept")
    parser.add_argument("--limit", type=int, default=0, help="only this many pairs, to try the program out")
    return parser.parse_args()


def prepare_data(
    args: argparse.Namespace, tokenise: Tokenise, layout: Layout
) -> tuple[Data, list[dict], list[dict], list[dict], dict]:
    """Read and split the pairs: data, inference sample, graded pairs, unlabelled pairs, development sets."""
    rng = random.Random(args.seed)
    rows = read_rows(args.pairs)
    if args.limit:
        rows = random.Random(0).sample(rows, args.limit)
    sets = defaultdict(list)
    for row in rows:
        sets[split(row, args.holdout)].append(row)
    train = sets.pop("train")
    sets.pop("left_out", None)
    nli = sample_nli([row for row in train if row["kind"] == "nli"], args.nli, rng)
    graded = [row for row in train if row["kind"] != "nli"]
    pool = read_rows(args.pool) if args.pool else []
    used = [*nli, *graded, *pool, *(row for part in sets.values() for row in part)]

    def pack(statement: list[int], question: list[int], answer: list[int]) -> Item:
        return ([*layout.prefix(question, answer), *layout.suffix(statement)],)

    data = Data(used, tokenise, args.spanish, pack)
    print({name: len(part) for name, part in sets.items()}, "nli", len(nli), "graded", len(graded), flush=True)
    return data, nli, graded, pool, sets


def fuse_norms(body: nn.Module) -> None:
    """Let PyTorch's one kernel do what the model's own code does in six."""
    for module in body.modules():
        if isinstance(module, Qwen2RMSNorm):
            module.forward = lambda x, norm=module: F.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


def build_model(args: argparse.Namespace, device: str) -> tuple[JudgeModel, Callable]:
    """Frozen base with updates on every linear layer, on the device, and its encoder."""
    body, encode = tiny_body() if args.tiny else load_body(args.model)
    body.requires_grad_(requires_grad=False)
    fuse_norms(body)
    if args.checkpoint:
        body.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        body.enable_input_require_grads()
    add_lora(body, args.rank)
    model = JudgeModel(body)
    if args.init:
        restore(model, Path(args.init))
    return model.to(device), encode


def main() -> None:
    """Train, save, measure."""
    started, args = time.monotonic(), parse()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    model, encode = build_model(args, device)
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"loaded in {time.monotonic() - started:.0f}s, {count / 1e6:.2f} M trained", flush=True)
    data, nli, graded, pool, sets = prepare_data(args, lambda texts: encode_texts(encode, texts), Layout.of(encode))

    reserve = args.reserve_s if args.reserve_s >= 0 else 10.0 if args.holdout == "none" else 50.0
    now, end = time.monotonic(), started + 60 * args.minutes - reserve
    trainer, rng = Trainer(model, data, args.tokens, device), random.Random(args.seed + 1)
    if not args.init:
        trainer.run([nli], args.nli_lr, now + args.nli_share * (end - now), args.seed)
    epochs = [draw_epoch(graded, rng) + rng.sample(nli, min(args.replay, len(nli))) for _ in range(args.epochs)]
    trainer.run(epochs, args.lr, end, args.seed + 1)

    settings = {
        name: value for name, value in vars(args).items() if name not in {"pairs", "model", "out", "init", "pool"}
    }
    save(model, out, {"layout": LAYOUT_VERSION, "rank": args.rank, "alpha": SCALE * args.rank, "args": settings})
    before, asked = time.monotonic(), 0

    def guess(rows: list[dict]) -> list:
        nonlocal asked
        found = predict(model, data, rows, device, collate)
        asked += sum(len(p) for p in found)
        return found

    write_report(out, vars(args), sets, guess)
    if pool:
        np.save(out / "pool.npy", np.concatenate(guess(pool)).astype(np.float16))
    took = time.monotonic() - before
    print(f"{asked} pairs measured in {took:.0f}s, {asked / max(took, 1e-9):.0f} answers/s on {device}; "
          f"all {time.monotonic() - started:.0f}s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
