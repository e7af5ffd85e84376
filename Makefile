# photosim on Debian, Ubuntu and their like, from a checkout. README.md says what each target is for.
# Everything lies in .venv and build; nothing but system packages goes elsewhere.

PHOTOS ?=
PYTHON := .venv/bin/python
# What the bundled model is trained on; with other PHOTOS, say what they are.
TRAINING_PHOTOS := ../shared/photos
TRAINING_SETS := $(if $(PHOTOS),not said,Caltech-101, at most 80 photos a class (CC BY 4.0); clothing-dataset-small (CC0))
FOLDER ?= resources/models/deepranking-v2
SET_UP_BY := pyproject.toml constraints.txt tools/setup.sh

.PHONY: run setup setup-tests lint test test-slow bench model bundle clean

run: .venv/.ready
	@if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
		exec $(PYTHON) -m photosim.headless --data-dir build/headless --picture build/headless.png \
			$(if $(PHOTOS),--photos "$(PHOTOS)"); \
	else \
		exec .venv/bin/photosim; \
	fi

setup: .venv/.ready
setup-tests: .venv/.ready-tests

.venv/.ready: $(SET_UP_BY)
	@tools/setup.sh

.venv/.ready-tests: $(SET_UP_BY)
	@tools/setup.sh tests

lint: .venv/.ready
	.venv/bin/ruff check .
	.venv/bin/mypy

test: .venv/.ready-tests lint
	QT_QPA_PLATFORM=offscreen $(PYTHON) -m pytest -n 2 --dist loadfile -m "not slow and not xvfb"
	QT_QPA_PLATFORM=xcb tools/with_xvfb.sh $(PYTHON) -m pytest -m "xvfb and not slow"

test-slow: .venv/.ready-tests
	QT_QPA_PLATFORM=offscreen $(PYTHON) -m pytest -m "slow and not xvfb"
	QT_QPA_PLATFORM=xcb tools/with_xvfb.sh $(PYTHON) -m pytest -m "slow and xvfb" || [ $$? = 5 ]  # 5: none

bench: .venv/.ready
	@for program in benchmarks/[a-z]*.py; do \
		echo "== $$program"; QT_QPA_PLATFORM=offscreen $(PYTHON) $$program || exit 1; \
	done

# Hours on two cores, minutes on a GPU; interrupted, the same command goes on. PHOTOS has a folder a category.
model: .venv/.ready-tests
	$(PYTHON) -m photosim.training.make "$(or $(PHOTOS),$(TRAINING_PHOTOS))" --sets "$(TRAINING_SETS)" \
		--folder "$(FOLDER)"
	$(PYTHON) -m photosim.training.compare "$(or $(PHOTOS),$(TRAINING_PHOTOS))" \
		--models deepranking-v1 "$(FOLDER)" --card "$(FOLDER)"

bundle: .venv/.ready-tests
	@packaging/build.sh

clean:
	rm -rf .venv .venv-bundle build dist .pytest_cache .mypy_cache .ruff_cache
