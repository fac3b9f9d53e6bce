"""Tells callers when their job is final: signed webhooks, sent until they arrive."""
