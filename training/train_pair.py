"""Train the pair model: statement, question and answer read together, five labels.

    python -m training.train_pair --pairs pairs.jsonl.gz --base e5 --out run/ [--holdout 0] [--epochs 5] ...

Two stages: natural language inference in English and rule-translated Spanish, then graded answers with a
sample of the first stage kept in. The loss sums the probability of every label that a source allows.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from grader.e5 import PAD
from grader.pair_head import PairHead, mean_state
from grader.pair_layout import ANSWER, STATEMENT, lay_out_answer, lay_out_statement
from training.data import EPOCH_SHARES, Data, Item, batches, draw_epoch, read_pool, read_rows, split
from training.lora import add_lora
from training.loss import label_targets, mixed_loss
from training.measure import predict, write_report
from training.schedule import factor

SHIPPED = "shipped"


class PairModel(nn.Module):
    """Encoder and head.

    The statement's half never sees the answer, so that its keys and values can be cached; the answer's half
    sees itself in the first ``apart`` layers and both halves above (``prefix``), or, as the usual
    cross-encoder, both halves see both.
    """

    def __init__(self, encoder: nn.Module, apart: int, prefix: bool) -> None:
        super().__init__()
        self.encoder, self.head = encoder, PairHead(encoder.config.hidden_size)
        self.apart, self.prefix = apart, prefix

    def forward(self, ids: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
        real, mine = ids != PAD, parts >= ANSWER
        states = self.encode(ids, real, mine)
        first = states[torch.arange(len(ids), device=ids.device), mine.int().argmax(1)]
        return self.head(mean_state(states, parts == STATEMENT), mean_state(states, parts == ANSWER), first).float()

    def encode(self, ids: torch.Tensor, real: torch.Tensor, mine: torch.Tensor) -> torch.Tensor:
        if self.encoder.config.model_type != "bert":
            return self.encoder(input_ids=ids, attention_mask=real.long()).last_hidden_state
        steps = torch.arange(ids.shape[1], device=ids.device)[None]
        positions = torch.where(mine, steps - (~mine & real).sum(1, keepdim=True), steps).clamp(0, 511)
        hidden = self.encoder.embeddings(input_ids=ids, position_ids=positions, token_type_ids=mine.long())
        everything = real[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
        own = mine[:, None, :, None] == mine[:, None, None, :]
        upper = everything & (own | mine[:, None, :, None]) if self.prefix else everything
        for index, layer in enumerate(self.encoder.encoder.layer):
            hidden = layer(hidden, everything & own if index < self.apart else upper)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        return hidden


def load_base(name: str):
    """Encoder and a function from texts to lists of token ids without special tokens."""
    if name == "e5":
        from grader.e5 import build_model, load_tokenizer

        return build_model(), load_tokenizer().ids
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name)
    model = AutoModel.from_pretrained(name, add_pooling_layer=False)
    return model, lambda texts: tokenizer(list(texts), add_special_tokens=False, truncation=True, max_length=510)[
        "input_ids"
    ]


def adapt(model: PairModel, method: str, rank: int) -> None:
    """Choose what trains: ``lora`` on every linear layer of the encoder, or ``full``: its layers."""
    for name, parameter in model.encoder.named_parameters():
        parameter.requires_grad = "token_type" in name or (method == "full" and "embeddings" not in name)
    if method == "lora":
        add_lora(model.encoder, rank, lambda name: "encoder" in name)


def load_state(path: str) -> dict[str, torch.Tensor]:
    """Trained tensors that an earlier run saved, or those of the weights that ship, in single precision."""
    from safetensors.torch import load_file

    if path == SHIPPED:
        from grader.pair_weights import read_pair_weights

        weights = read_pair_weights()
        parts = {"encoder": weights.encoder, "head": weights.head}
        return {f"{part}.{name}": p.detach() for part, of in parts.items() for name, p in of.named_parameters()}
    return {name: tensor.float() for name, tensor in load_file(path).items()}


def pack(statement: list[int], question: list[int], answer: list[int]) -> Item:
    """Token ids, and the part each belongs to."""
    left, kinds = lay_out_statement(statement, question)
    right, more = lay_out_answer(answer)
    return left + right, kinds + more


def collate(items, device: str):
    width = -(-max(len(ids) for ids, _ in items) // 8) * 8
    ids = torch.full((len(items), width), PAD)
    parts = torch.zeros(len(items), width, dtype=torch.long)
    for row, (tokens, kinds) in enumerate(items):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        parts[row, : len(kinds)] = torch.tensor(kinds)
    return ids.to(device, non_blocking=True), parts.to(device, non_blocking=True)


def run_stage(
    model,
    data: Data,
    rows: list[dict],
    *,
    epochs: float,
    lr: float,
    tokens: int,
    seed: int,
    rdrop: float,
    device: str,
    seconds: float = math.inf,
    fresh=None,
) -> None:
    """Train on the rows; where the clock ends before the epochs do, the learning rate falls by the clock."""
    rng = random.Random(seed)
    head = list(model.head.parameters())
    body = [p for p in model.encoder.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": lr}, {"params": head, "lr": max(lr, 3e-4)}],
        weight_decay=0.01,
        eps=1e-6,
        betas=(0.9, 0.98),
        fused=device == "cuda",
    )
    plans = []
    whole = math.ceil(epochs)
    for epoch in range(whole):
        chosen = rows if fresh is None else fresh(rng)
        items = [data.draw(row, rng) for row in chosen]
        labels = label_targets(chosen)
        groups = batches([len(ids) for ids, _ in items], tokens, rng)
        if epoch == whole - 1 and epochs != whole:
            groups = groups[: int(len(groups) * (epochs - int(epochs)))]
        plans.append((items, labels, groups))
    total = max(1, sum(len(groups) for *_, groups in plans))
    rates = [group["lr"] for group in optimiser.param_groups]
    model.train()
    started, seen, running = time.monotonic(), 0, []
    for items, labels, groups in plans:
        for group in groups:
            progress = max(seen / total, (time.monotonic() - started) / seconds)
            if progress >= 1:
                break
            share = factor(progress, total)
            for parameters, rate in zip(optimiser.param_groups, rates, strict=True):
                parameters["lr"] = rate * share
            ids, parts = collate([items[i] for i in group], device)
            targets = labels[group].to(device)
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = model(ids, parts)
                loss = mixed_loss(logits, targets)
                if rdrop:
                    second = model(ids, parts)
                    p, q = logits.log_softmax(-1), second.log_softmax(-1)
                    kl = 0.5 * (
                        F.kl_div(p, q, log_target=True, reduction="batchmean")
                        + F.kl_div(q, p, log_target=True, reduction="batchmean")
                    )
                    loss = 0.5 * (loss + mixed_loss(second, targets)) + rdrop * kl
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_([*body, *head], 1.0)
            if torch.isfinite(norm):
                optimiser.step()
            seen += 1
            running.append(loss.detach())
            if seen % 400 == 0:
                mean, took = torch.stack(running[-400:]).mean(), time.monotonic() - started
                print(f"  step {seen}/{total} loss {mean:.4f} {took:.0f}s", flush=True)
    print(f"  stage: {seen} of {total} steps, {time.monotonic() - started:.0f}s", flush=True)


def main() -> None:
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--base", default="e5")
    parser.add_argument("--out", required=True)
    parser.add_argument("--holdout", default="dev", help="dev, none, or foldIofN")
    parser.add_argument("--method", default="lora")
    parser.add_argument("--apart", type=int, default=0, help="lower layers that read the two halves apart")
    parser.add_argument("--prefix", action="store_true", help="the statement's half never sees the answer")
    parser.add_argument("--layers", type=int, default=0, help="keep only this many lower layers")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--nli-epochs", type=float, default=2)
    parser.add_argument("--nli-lr", type=float, default=5e-4)
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--seconds", type=float, default=math.inf, help="that the second stage may take")
    parser.add_argument("--replay", type=int, default=8000)
    parser.add_argument("--authored-repeat", type=int, default=1)
    parser.add_argument("--synthetic-share", type=float, default=EPOCH_SHARES["synthetic"], help="an epoch takes")
    parser.add_argument("--rdrop", type=float, default=0.0)
    parser.add_argument("--dropout", type=float, default=0.1, help="0 is faster on a processor by a half")
    parser.add_argument("--spanish", type=float, default=0.3)
    parser.add_argument("--tokens", type=int, default=6144)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", default="", help=f"start from this state, or {SHIPPED}, and skip stage 1")
    parser.add_argument("--frozen", type=int, default=0, help="lower layers that do not train")
    parser.add_argument("--save-stage1", default="")
    parser.add_argument("--pool", default="", help="pairs without labels")
    parser.add_argument("--soft", nargs="+", default=[], help="what judges said of them; their mean teaches")
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    rows = read_rows(args.pairs)
    if args.limit:
        rows = random.Random(0).sample(rows, args.limit)
    if args.pool:
        rows += read_pool(args.pool, args.soft)
    encoder, tokenise = load_base(args.base)
    if args.layers:
        encoder.encoder.layer = encoder.encoder.layer[: args.layers]
    data = Data(rows, tokenise, args.spanish, pack)
    model = PairModel(encoder, args.apart, args.prefix)
    adapt(model, args.method, args.rank)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = args.dropout
    kept = {name for name, p in model.named_parameters() if p.requires_grad}  # frozen layers may come from --init
    for layer in encoder.encoder.layer[: args.frozen]:
        layer.requires_grad_(requires_grad=False)
    model.to(device)
    print(f"{sum(p.numel() for p in model.parameters() if p.requires_grad) / 1e6:.2f} M trained", flush=True)

    sets = defaultdict(list)
    for row in rows:
        sets[split(row, args.holdout)].append(row)
    train = sets.pop("train")
    sets.pop("left_out", None)
    nli = [row for row in train if row["kind"] == "nli"]
    graded = [row for row in train if row["kind"] != "nli"]
    graded += [row for row in graded if row["source"] in {"authored", "indomain"}] * (args.authored_repeat - 1)
    print({name: len(part) for name, part in sets.items()}, "nli", len(nli), "graded", len(graded), flush=True)

    shares = EPOCH_SHARES | {"synthetic": args.synthetic_share}
    common = {"tokens": args.tokens, "rdrop": args.rdrop, "device": device}
    if args.init:
        model.load_state_dict(load_state(args.init), strict=False)
    else:
        run_stage(model, data, nli, epochs=args.nli_epochs, lr=args.nli_lr, seed=args.seed, **{**common, "rdrop": 0.0})
    state = lambda: {name: p.detach().clone() for name, p in model.named_parameters() if name in kept}  # noqa: E731
    if args.save_stage1:
        save_file(state(), args.save_stage1)
    run_stage(
        model,
        data,
        graded,
        epochs=args.epochs,
        lr=args.lr,
        seed=args.seed + 1,
        seconds=args.seconds,
        **common,
        fresh=lambda rng: draw_epoch(graded, rng, shares) + rng.sample(nli, min(args.replay, len(nli))),
    )

    save_file({name: tensor.half().contiguous().cpu() for name, tensor in state().items()}, out / "state.safetensors")
    write_report(out, vars(args), sets, lambda part: predict(model, data, part, device, collate))


if __name__ == "__main__":
    main()
