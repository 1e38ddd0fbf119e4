"""Threads follow the cores that a run may use."""

from __future__ import annotations

import os

import pytest
import torch

from grader.batch import cores


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 4),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("900000 100000", 4),
        ("nonsense", 4),
        (None, 4),
    ],
)
def test_a_containers_quota_counts_where_it_is_less_than_the_cores(monkeypatch, tmp_path, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        cores.QUOTA.write_text(quota)
    assert cores.usable_cores() == expected


@pytest.mark.parametrize(("named", "expected"), [(None, 3), ("1", 7)])
def test_torch_gets_the_cores_unless_the_environment_names_a_number(monkeypatch, named, expected):
    asked = [7]
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if named is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", named)
    monkeypatch.setattr(cores, "usable_cores", lambda: 3)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    cores.use_cores()
    assert asked[-1] == expected
