"""The service's own lip-sync engine: a photo or a video and a voice in, a talking video out."""
