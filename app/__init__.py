"""Lipsync Gateway: one image and one voice in, one talking video out."""
