"""``python -m tools.train_mouth``: makes the weights of the mouth network, the same each time.

It needs espeak-ng, which is a dependency of the service, and the program ``flite`` (Debian and
Ubuntu: ``apt install flite``), whose voices were made from recordings of people; with
``--espeak-only`` it does without, and the network is worse on voices of people. Three minutes on
one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.engine.features import log_mel, normalised
from app.engine.speech import MouthNetwork
from tools.train_mouth import corpus, lessons
from tools.train_mouth.augmentation import worn
from tools.train_mouth.scoring import noise_opening, score
from tools.train_mouth.synthesis import Utterance, flite_is_there
from tools.train_mouth.training import examples, save, trained

COMMITTED = Path("app/engine/models/mouth.npz")
SEED = 5
CLOSE_ENOUGH = 0.08
"""How far the mouths of two trainings may be apart, on the mean, where another processor rounds
otherwise."""


def main() -> int:
    """Train, examine and write or compare; 1 if the comparison fails."""
    arguments = _arguments()
    if not arguments.espeak_only and not flite_is_there():
        print("The program flite was not found: install it, or use --espeak-only.", file=sys.stderr)
        return 2
    network = _train(with_flite=not arguments.espeak_only)
    exams = dict(_exams())
    for name, utterances in exams.items():
        print(f"{name}: {score(network, utterances)}")
    sounds = list(lessons.noises(40, np.random.default_rng(SEED + 3)))
    print(f"noise, music and tones: mean opening {noise_opening(network, sounds):.3f}")
    if arguments.check:
        return _check(network, [heard for utterances in exams.values() for heard in utterances])
    save(network, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.train_mouth", description=__doc__)
    parser.add_argument("--out", type=Path, default=COMMITTED, help="where the weights go")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--espeak-only", action="store_true", help="do without flite")
    either.add_argument(
        "--check", action="store_true", help=f"write nothing, compare with {COMMITTED}"
    )
    return parser.parse_args()


def _train(*, with_flite: bool) -> MouthNetwork:
    chance = np.random.default_rng(SEED)
    utterances = list(lessons.espeak_lessons(chance))
    if with_flite:
        utterances += lessons.flite_lessons(chance)
    material = examples(lessons.recordings(utterances, chance))
    print(f"{len(utterances)} utterances, {len(material.centres) / 6000:.0f} minutes", flush=True)
    return trained(material, chance, lambda line: print(line, flush=True))


def _exams() -> Iterator[tuple[str, list[Utterance]]]:
    """Names of examinations and what is heard in them, none of which is part of the lessons."""
    chance = np.random.default_rng(SEED + 1)
    spoken = {"unheard espeak-ng voices": list(lessons.espeak_exams(chance))}
    if flite_is_there():
        voice = corpus.UNHEARD_FLITE_VOICE
        spoken[f"unheard flite voice {voice}"] = list(lessons.flite_reads(voice, chance))
    for name, utterances in spoken.items():
        yield name, utterances
        babble = np.concatenate([utterance.samples for utterance in utterances[:20]])
        yield (
            f"{name}, worn",
            [
                Utterance(worn(heard.samples, chance, babble), heard.phonemes)
                for heard in utterances
            ],
        )


def _check(network: MouthNetwork, exams: list[Utterance]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / COMMITTED.name
        save(network, again)
        if again.read_bytes() == COMMITTED.read_bytes():
            print(f"{COMMITTED}: the same bytes")
            return 0
    committed = MouthNetwork.load(COMMITTED)
    heard = [normalised(log_mel(exam.samples)) for exam in exams]
    apart = float(np.mean([np.abs(network(h) - committed(h)).mean() for h in heard]))
    print(f"{COMMITTED}: other bytes, mouths {apart:.4f} apart (at most {CLOSE_ENOUGH})")
    return int(apart > CLOSE_ENOUGH)


if __name__ == "__main__":
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # The sum of floats depends on how many threads share it, and numpy decides at its import.
        command = [sys.executable, "-m", "tools.train_mouth", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    sys.exit(main())
