"""Figures about the service for Prometheus: its requests, its jobs, and what was handed over."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from app.model import Job, State

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
JOB_SECONDS = (1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600)


class Metrics:
    """What this process saw since it began. Where there are several, their counters add up."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Histogram(
            "http_request_duration_seconds",
            "Requests, and the time from each one's arrival to the end of its answer.",
            ("route", "method", "status"),
            registry=registry,
            buckets=REQUEST_SECONDS,
        )
        self.requests_under_way = Gauge(
            "http_requests_in_progress",
            "Requests that are being answered, also those that wait for a job.",
            registry=registry,
        )
        self._under_way = Gauge(
            "lipsync_jobs_in_progress",
            "Jobs that are not final, of all processes on this database.",
            ("provider", "state"),
            registry=registry,
        )
        self._jobs = Histogram(
            "lipsync_job_duration_seconds",
            "Jobs that ended here, and the time from each one's order to its end.",
            ("provider", "state"),
            registry=registry,
            buckets=JOB_SECONDS,
        )
        self._failures = Counter(
            "lipsync_job_errors",
            "Jobs that ended here without a video, by the code of their error.",
            ("provider", "code"),
            registry=registry,
        )
        self._submits = Counter(
            "lipsync_submits",
            "Orders that left for a provider, by what became of them.",
            ("provider", "outcome"),
            registry=registry,
        )
        self._webhooks = Counter(
            "lipsync_webhook_attempts",
            "Attempts to tell callers of the end of a job, by what came of them.",
            ("outcome",),
            registry=registry,
        )

    def webhook_tried(self, outcome: str) -> None:
        """Count an attempt to tell a caller of a job's end."""
        self._webhooks.labels(outcome).inc()

    def job_ended(self, job: Job) -> None:
        """Count a job that has just become final."""
        assert job.finished_at is not None
        seconds = (job.finished_at - job.created_at).total_seconds()
        self._jobs.labels(job.provider, job.state).observe(seconds)
        code = job.error["code"] if job.error else None
        if code is not None:
            self._failures.labels(job.provider, code).inc()
        if job.submitting_at:
            lost = "unknown" if code == "outcome_unknown" else "refused"
            self._submits.labels(job.provider, "accepted" if job.ticket else lost).inc()

    def text(self, under_way: Mapping[tuple[str, State], int]) -> bytes:
        """Everything as Prometheus reads it. ``under_way`` counts jobs by provider and state."""
        self._under_way.clear()
        for (provider, state), count in under_way.items():
            self._under_way.labels(provider, state).set(count)
        return generate_latest(self._registry)
