"""The recording allocator sees buffers, transfers and nothing where only a view is made."""

from __future__ import annotations

import torch

from grader.attention.recorder import AllocationRecorder


def test_a_view_allocates_and_transfers_nothing():
    tensor = torch.zeros(4, 6)
    with AllocationRecorder() as recorder:
        view = tensor[1:3].t()
    assert view.shape == (6, 2)
    assert recorder.buffers == []
    assert recorder.all_traffic_bytes() == 0


def test_a_copy_of_a_piece_reads_and_writes_that_piece():
    tensor, target = torch.zeros(4, 6), torch.zeros(2, 6)
    with AllocationRecorder() as recorder:
        copy = tensor[1:3].clone()
    assert [(b.shape, b.size_bytes) for b in recorder.buffers] == [((2, 6), 48)]
    assert recorder.traffic_bytes([]) == 48
    assert recorder.traffic_bytes([copy]) == 96
    with AllocationRecorder() as recorder:
        target.copy_(tensor[:2])
    assert recorder.traffic_bytes([]) == 96


def test_the_peak_counts_what_lives_at_once():
    with AllocationRecorder() as recorder:
        for _ in range(5):
            torch.ones(10)
        kept = [torch.ones(10) for _ in range(3)]
    assert len(kept) == 3
    assert recorder.peak_bytes == 3 * 40
    assert len(recorder.scratch(kept)) == 5
