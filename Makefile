# Every target sets up what it needs in a fresh clone: a virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := topformer export benchmarks tests android_app/verify
# The installed package as links, because a type checker does not run the hooks by which an editable
# install finds export/ and benchmarks/ inside topformer.
TYPES := build/types/topformer

# The default model for the demo app, and as a JVM can run it: the app's tests show that one, with what Python
# says of a picture.
APP_EXPORT := out/app/topformer-tiny-448x448
JVM_MODEL := android_app/verify/target/model/$(notdir $(APP_EXPORT))-onnx
# A detector for the same tests. Its head is drawn, so that its boxes mean nothing.
DETECTOR := out/app/topformer-tiny-lite-192x256-onnx
JVM_DETECTOR := android_app/verify/target/model/$(notdir $(DETECTOR))
# Two processes of tests, each with a file at a time and with an ARM device of its own.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
APK = cd android_app/verify && $(CURDIR)/$(BIN)/python -m apk

.PHONY: demo results app app-model test test-app test-others rig-for-tests app-for-tests test-fast fuzz torture rig check format clean

demo: $(VENV)/installed
	$(BIN)/topformer export --size tiny --target xnnpack --target onnx --out out/demo
	$(BIN)/topformer predict topformer/pictures/street.png topformer/pictures/china.png \
	  --model out/demo/topformer-tiny-448x448-xnnpack.pte --out out/demo/executorch
	$(BIN)/topformer predict topformer/pictures/street.png topformer/pictures/china.png \
	  --model out/demo/topformer-tiny-448x448-onnx.onnx --out out/demo/onnxruntime
	$(BIN)/topformer bench --mode quick --threads 1 --plot out/demo/latency.png \
	  --model out/demo/topformer-tiny-448x448-xnnpack.pte \
	  --model out/demo/topformer-tiny-448x448-onnx.onnx
	$(BIN)/topformer report --size tiny --mode quick --out out/demo/report
	@echo
	@echo "Look at:"
	@ls -1 out/demo/*.pte out/demo/*.onnx out/demo/*.json out/demo/*.png out/demo/*/*.png \
	  out/demo/report/index.html

# The project's own page and table. Its latencies are those of the machine it runs on, which must have
# nothing else to do. DATA=FOLDER of CamVid adds accuracy; its pictures are not ours to show.
RESULTS ?= --size tiny --image-size 384 --image-size 448 --image-size 512
RESULTS_OUT ?= benchmarks/results/report
results: $(VENV)/installed
	@# The page tells the command that made it, and where the pictures lie is nobody's business.
	$(if $(DATA),mkdir -p out && ln -sfn $(abspath $(DATA)) out/CamVid)
	$(BIN)/topformer report $(RESULTS) --pictures topformer/pictures --out out/results \
	  $(if $(DATA),--dataset camvid --data out/CamVid)
	mkdir -p $(RESULTS_OUT)
	cd out/results && cp index.html report.json report.md frontier.svg bench.json $(abspath $(RESULTS_OUT))

# Where the rig or the app cannot be built for want of programs, the tests that need it say so and are
# skipped; under CI they fail. An app that does not pass its own tests is always an error.
test: test-app test-others

# What reads the app's build. Most of that build leaves a core idle, so that under `make -j2` all
# other tests go on beside it.
test-app: app-for-tests
	$(BIN)/pytest -m app tests/android

test-others: rig-for-tests
	$(BIN)/pytest $(SIDE_BY_SIDE) -m 'not app'

rig-for-tests: $(VENV)/installed
	-@tests/rig/run --build

app-for-tests: $(VENV)/installed $(JVM_DETECTOR).golden
	@$(APK) || { status=$$?; test $$status = 3 && test -z "$$CI"; }

# While you work: all that needs no export, training, device or app's build, in about two minutes.
test-fast: $(VENV)/installed
	$(BIN)/pytest $(SIDE_BY_SIDE) -m 'not (slow or rig or app)'

# Hostile inputs for every reader: minutes, or a night with FUZZ_COUNT=1000000. FUZZ has more options.
FUZZ_COUNT ?= 40000
fuzz: $(VENV)/installed
	PYTHONPATH=tests $(BIN)/python -m fuzz --count $(FUZZ_COUNT) $(FUZZ)

# Kill commands (SIGKILL) at every file operation: is what they leave whole, and do they go on?
KILLS ?= 500
torture: $(VENV)/installed
	PYTHONPATH=tests $(BIN)/python -m torture --kills $(KILLS)

# The embedded model is kept in git, so that the app is whole as it is: run this after a change of weights.
app-model: $(VENV)/installed
	$(BIN)/topformer export --size tiny --target xnnpack --out $(dir $(APP_EXPORT))
	$(BIN)/topformer app embed $(APP_EXPORT)-xnnpack.pte

# As a JVM can run it.
$(APP_EXPORT)-onnx.onnx: $(VENV)/installed topformer/weights/tiny.safetensors \
  $(wildcard topformer/*.py topformer/tasks/*.py topformer/runtimes/*.py topformer/runtimes/*/*.py \
    export/*.py export/*/*.py)
	$(BIN)/topformer export --size tiny --target onnx --out $(@D)

$(JVM_MODEL).golden: $(APP_EXPORT)-onnx.onnx topformer/android/golden.py
	mkdir -p $(@D)
	cp $< $(APP_EXPORT)-onnx.json $(@D)
	$(BIN)/topformer predict topformer/pictures/china.png --model $(JVM_MODEL).onnx --out $(@D)
	cd android_app/verify && $(CURDIR)/$(BIN)/python -m apk.golden $(CURDIR)/$(JVM_MODEL).onnx

$(JVM_DETECTOR).golden: $(JVM_MODEL).golden tests/support/detectors.py
	PYTHONPATH=tests $(BIN)/python -m support.detectors out/app/drawn.safetensors
	$(BIN)/topformer export --weights out/app/drawn.safetensors --target onnx --image-size 192x256 --out out/app
	cp $(DETECTOR).onnx $(DETECTOR).json $(@D)
	$(BIN)/topformer predict topformer/pictures/china.png --model $(JVM_DETECTOR).onnx --out $(@D)/boxes
	cd android_app/verify && $(CURDIR)/$(BIN)/python -m apk.golden $(CURDIR)/$(JVM_DETECTOR).onnx

# The demo app, built and checked without Gradle and without an Android SDK.
app: $(VENV)/installed $(JVM_DETECTOR).golden
	$(APK)

# A shell beside an emulated ARM device, or one command: make rig RUN='adb shell uname -m | cat'. It is
# quoted as for any shell. tests/rig/run COMMAND... returns the exact exit status; make makes 2 of any.
rig: $(VENV)/installed
	@tests/rig/run $(if $(value RUN),sh -c '$(subst ','\'',$(value RUN))')

check: $(VENV)/installed
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	rm -rf $(TYPES) && mkdir -p $(TYPES)
	ln -s $(addprefix $(CURDIR)/,$(wildcard topformer/*) export benchmarks) $(TYPES)
	$(BIN)/basedpyright
	$(BIN)/pytest -q tests/test_layers.py

format: $(VENV)/installed
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

# Quiet on standard output, which belongs to the command of `make rig`. uv unpacks torch and CUDA's
# libraries in a third of pip's time, but knows nothing of pip's own settings: where those name the
# only index that can be reached, pip does it. Without bytecode each process would compile torch anew
# where PYTHONDONTWRITEBYTECODE is set, as in many containers.
$(VENV)/installed: pyproject.toml
	@echo "Installing topformer and its tools into $(VENV)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet uv >&2
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[dev]' >&2 \
	  || $(BIN)/python -m pip install --quiet --editable '.[dev]' >&2
	@touch $@

clean:
	rm -rf $(VENV) build dist out *.egg-info .pytest_cache .hypothesis .ruff_cache
