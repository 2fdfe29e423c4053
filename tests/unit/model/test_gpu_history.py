"""What is kept of GPU readings, and that logs without the newer fields are read."""

import math
import zlib

from tuitrain.events import GpuReading, GpusSampled, Record, decode_record
from tuitrain.model import StudyModel, fold
from tuitrain.model.gpu_history import KEPT_READINGS
from tuitrain.units import Seconds


def _sampled(*shares: float | None) -> GpusSampled:
    return GpusSampled(
        gpus=[
            GpuReading(
                uuid=f"GPU-{index}",
                name="H200",
                used_ratio=share,
                memory_used_bytes=None if share is None else index << 30,
            )
            for index, share in enumerate(shares)
        ]
    )


def _take(model: StudyModel, event: GpusSampled, at_s: float) -> StudyModel:
    record = Record(seq=0, at_s=Seconds(at_s), mono_s=Seconds(0.0), event=event)
    return fold(model, record)


def test_each_gpu_has_its_own_readings_by_wall_time():
    model = _take(StudyModel(), _sampled(0.5, 0.1), 1000.2)
    model = _take(model, _sampled(0.7, 0.2), 1002.9)
    first, second = model.gpu_history["GPU-0"], model.gpu_history["GPU-1"]
    assert first.used_ratio.iterations.tolist() == [1000, 1002]
    assert first.used_ratio.values.tolist() == [0.5, 0.7]
    assert second.memory_used_bytes.values.tolist() == [1 << 30] * 2
    assert model.gpus_at_s == 1002.9


def test_a_gpu_that_no_longer_answers_leaves_a_gap():
    model = _take(StudyModel(), _sampled(0.5, 0.1), 1000)
    model = _take(model, GpusSampled(error="lost"), 1002)
    for history in model.gpu_history.values():
        assert math.isnan(history.used_ratio.values[-1])


def test_what_a_driver_never_tells_is_no_curve():
    model = _take(StudyModel(), _sampled(None), 1000)
    assert len(model.gpu_history["GPU-0"].used_ratio) == 0


def test_a_clock_that_was_set_back_loses_no_reading():
    model = _take(StudyModel(), _sampled(0.5), 1000)
    model = _take(model, _sampled(0.6), 400)
    series = model.gpu_history["GPU-0"].used_ratio
    assert series.iterations.tolist() == [1000, 1000]
    assert series.values.tolist() == [0.5, 0.6]


def test_a_long_study_keeps_a_bounded_part_and_earlier_models_stay_as_they_were():
    model = StudyModel()
    early = None
    for second in range(5 * KEPT_READINGS):
        model = _take(model, _sampled(second % 100 / 100), second)
        assert len(model.gpu_history["GPU-0"].used_ratio) <= 2 * KEPT_READINGS
        if second == KEPT_READINGS:
            early = model
    assert early is not None
    assert early.gpu_history["GPU-0"].used_ratio.last_iteration == KEPT_READINGS
    newest = model.gpu_history["GPU-0"].used_ratio
    assert newest.last_iteration == 5 * KEPT_READINGS - 1
    assert len(newest) >= KEPT_READINGS


def test_a_reading_from_before_processes_were_told_is_still_read():
    body = (
        b'{"seq":1,"at_s":1790000000.0,"mono_s":5.0,"event":{"type":"GpusSampled",'
        b'"gpus":[{"uuid":"GPU-1","name":"a GPU","used_ratio":0.93}]}'
    )
    record = decode_record(b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body)))
    assert isinstance(record.event, GpusSampled)
    assert record.event.gpus[0].processes is None
    assert fold(StudyModel(), record).gpus == record.event
