# libyoutu and youtu-diagnose. `make help` lists the targets.

CC       ?= cc
PREFIX   ?= /usr/local
DESTDIR  ?=
LIBDIR   ?= $(PREFIX)/lib
B        ?= build
PYTHON   ?= python3

# The version's one definition is youtu.h.
version_part = $(shell sed -n 's/^.define YOUTU_VERSION_$(1) //p' libyoutu/youtu.h)
MAJOR   := $(call version_part,MAJOR)
VERSION := $(MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

WARN    := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
OPT     ?= -O2 -g
# SAN=1: AddressSanitizer and UndefinedBehaviorSanitizer, in a build folder of its own.
ifeq ($(SAN),1)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
XML      := $(shell pkg-config --cflags libxml-2.0)
CPPFLAGS += -D_GNU_SOURCE -Ilibyoutu -I. $(XML)
CFLAGS   += -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fopenmp $(SANITIZE) -MMD -MP
LDFLAGS  += -fopenmp $(SANITIZE)
LIB_LIBS := -lpcre2-8 -lutf8proc -lm -ldl
CLI_LIBS := -ljansson $(shell pkg-config --libs libxml-2.0) -lm

# kernels/cpu/isa/NAME_SET.c is compiled for the instruction set in its name; backend_cpu.c chooses at run time.
ISA_avx2 := -mavx2 -mfma -mf16c -O3

LIB_SRC  := $(wildcard libyoutu/*.c kernels/cpu/*.c kernels/cpu/isa/*.c)
CLI_SRC  := $(wildcard cli/*.c cli/clinic/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$B/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$B/%.o)
UNIT     := $(UNIT_SRC:%.c=$B/%)
UNIT_HELPERS := $(patsubst %.c,$B/%.o,tests/golden/golden_file.c tests/golden/golden_model.c $(wildcard tests/unit/*fixture.c))
SO       := libyoutu.so.$(MAJOR)

all: lib $B/youtu-diagnose $B/youtu-bench   ## library, youtu-diagnose, youtu-bench
lib: $B/libyoutu.so $B/libyoutu.a           ## the library alone

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA_$(lastword $(subst _, ,$(basename $(notdir $<))))) -c $< -o $@

$B/libyoutu.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
$B/$(SO): $(LIB_OBJ)
	$(CC) -shared -Wl,-soname,$(SO) $^ -o $@ $(LDFLAGS) $(LIB_LIBS)
$B/libyoutu.so: $B/$(SO)
	ln -sf $(SO) $@

# ---- CUDA: a plugin, built where there is nvcc ----

NVCC      ?= $(firstword $(wildcard $(addsuffix /nvcc,$(subst :, ,$(PATH)) /usr/local/cuda/bin)))
NVCCFLAGS := -std=c++17 -O3 -lineinfo -cudart shared --Werror all-warnings -Xptxas -warn-spills,-warn-lmem-usage \
             -gencode arch=compute_80,code=compute_80 $(foreach sm,86 89,-gencode arch=compute_$(sm),code=sm_$(sm)) \
             -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra,-Wshadow
CUDA_SRC  := $(wildcard kernels/cuda/*.cu)
CUDA_OBJ  := $(CUDA_SRC:%.cu=$B/%.o)
CUDA_UNIT  := $(patsubst %.cu,$B/%,$(wildcard tests/cuda/test_*.cu))
CUDA_MODEL := $(patsubst %.c,$B/%,$(wildcard tests/cuda/test_*.c))

$B/%.o: %.cu Makefile
	@mkdir -p $(@D)
	@echo "NVCC $<"
	@$(NVCC) $(CPPFLAGS) $(NVCCFLAGS) -MMD -MF $(@:.o=.d) -c $< -o $@

PLUGIN    := $B/libyoutu_cuda.so
# It carries its own copy of the library's messages and angles, and exports youtu_cuda_plugin alone.
$(PLUGIN): $(CUDA_OBJ) $B/libyoutu/error.o $B/libyoutu/rope.o
	$(NVCC) -shared -cudart shared $^ -o $@ -Xlinker --no-undefined,-soname,$(@F) -Xcompiler "$(LDFLAGS)" -lcublas
cuda: $(PLUGIN)                             ## the CUDA plugin, where nvcc is
no-cuda:
	@echo "no nvcc: without the CUDA plugin"
# (Sanitizers do not reach into it.)
all: $(if $(SAN),,$(if $(NVCC),cuda,no-cuda))

# What is compiled in: rules, knowledge base, templates.
$B/cli/clinic/embedded.o: $(wildcard cli/data/*.json cli/data/*.txt cli/data/templates/*)

$B/youtu-diagnose: $(CLI_OBJ) $B/libyoutu.so
	$(CC) $(CLI_OBJ) -o $@ $(LDFLAGS) -L$B -lyoutu -Wl,-rpath,'$$ORIGIN' -Wl,-rpath,$(LIBDIR) $(CLI_LIBS)
# Each program of bench/ has its own main.
$B/youtu-bench: $(patsubst %.c,$B/%.o,$(filter-out bench/tokenizer_bench.c,$(wildcard bench/*.c))) $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) $(LIB_LIBS)
$B/tokenizer-bench: $B/bench/tokenizer_bench.o $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) $(LIB_LIBS)
bench: $B/youtu-bench $B/tokenizer-bench    ## the measuring programs (bench/README.md)

# ---- installation ----

# One object whose hidden symbols are local: a program that links it statically sees youtu.h's names and no others.
$B/static/libyoutu.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(LD) -r $^ -o $B/static/youtu.o
	objcopy --localize-hidden $B/static/youtu.o
	ar rcs $@ $B/static/youtu.o

LIB_NAMES := libyoutu.so libyoutu.so.$(MAJOR) libyoutu.so.$(VERSION) libyoutu.a $(notdir $(PLUGIN))
DEMO      := $(wildcard models/youtu-demo/*)
# What a clinic may change, as it is compiled in (--rules, --kb, --templates).
DATA      := $(addprefix cli/data/,lexicon.json scope.json redflags.json departments.json knowledge.json)
TEMPLATES := $(wildcard cli/data/templates/*.txt)
I          = install -m 644

install: lib $B/static/libyoutu.a $B/youtu-diagnose $(if $(NVCC),cuda)              ## PREFIX=/usr/local LIBDIR=PREFIX/lib DESTDIR=
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/include $(LIBDIR)/pkgconfig $(PREFIX)/share/youtu/models/youtu-demo \
	  $(PREFIX)/share/youtu/data/templates)
	$I libyoutu/youtu.h $(DESTDIR)$(PREFIX)/include
	$I $B/static/libyoutu.a $(DESTDIR)$(LIBDIR)
	install -m 755 $B/$(SO) $(DESTDIR)$(LIBDIR)/libyoutu.so.$(VERSION)
	$(if $(NVCC),install -m 755 $(PLUGIN) $(DESTDIR)$(LIBDIR))
	ln -sf libyoutu.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SO)
	ln -sf $(SO) $(DESTDIR)$(LIBDIR)/libyoutu.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' youtu.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/youtu.pc
	$(CC) $(CLI_OBJ) -o $(DESTDIR)$(PREFIX)/bin/youtu-diagnose $(LDFLAGS) -L$B -lyoutu -Wl,-rpath,$(LIBDIR) $(CLI_LIBS)
	$I $(DEMO) $(DESTDIR)$(PREFIX)/share/youtu/models/youtu-demo
	$I $(DATA) $(DESTDIR)$(PREFIX)/share/youtu/data
	$I $(TEMPLATES) $(DESTDIR)$(PREFIX)/share/youtu/data/templates
uninstall:                                  ## removes what install put there
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,$(LIB_NAMES) pkgconfig/youtu.pc)
	rm -f $(DESTDIR)$(PREFIX)/include/youtu.h $(DESTDIR)$(PREFIX)/bin/youtu-diagnose
	rm -rf $(DESTDIR)$(PREFIX)/share/youtu

# ---- tests ----

# Waiting threads that spin would take the cores from each other where tests, or other work, run beside one another.
unit outside valgrind: export OMP_WAIT_POLICY = passive

# A unit test sees the library's hidden symbols, and the command line's objects (all but main).
$B/libclinic.a: $(filter-out $B/cli/main.o,$(CLI_OBJ))
	@rm -f $@
	ar rcs $@ $^
$(UNIT): $B/%: $B/%.o $(UNIT_HELPERS) $B/libclinic.a $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) -lcmocka $(LIB_LIBS) $(CLI_LIBS)

# The plugin that unit tests find beside them, so that none depends on what a machine has.
$B/tests/unit/libyoutu_cuda.so: $B/tests/unit/fake_plugin.o $B/libyoutu.a
	$(CC) -shared $^ -o $@ $(LDFLAGS) $(LIB_LIBS)
$(UNIT): | $B/tests/unit/libyoutu_cuda.so

$(CUDA_UNIT): $B/%: $B/%.o $(CUDA_OBJ) $B/libyoutu.a
	$(NVCC) -cudart shared $^ -o $@ -Xcompiler "$(LDFLAGS)" -lcublas -lcmocka $(LIB_LIBS)
# What drives the plugin through the library.
$(CUDA_MODEL): $B/%: $B/%.o $B/tests/golden/golden_file.o $B/tests/golden/golden_model.o $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) -lcmocka $(LIB_LIBS)

$B/tests/cuda/every_call $B/tests/cuda/decode_once: $B/%: $B/%.o $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) $(LIB_LIBS)

$B/torture: $B/tests/torture/torture.o $B/tests/torture/failing_calls.o $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) $(LIB_LIBS)

# What drives programs from outside: pytest, with the interpreter that setup.sh made, or another that has it all.
python = $(shell for p in build/test-python/bin/python python3 /usr/bin/python3; do \
 $$p -c 'import pytest, jsonschema, lxml, fhir.resources, hl7apy' 2>/dev/null && echo $$p && break; done)
pytest = YOUTU_BUILD=$(abspath $B) CC=$(CC) $(python) -m pytest -q -p no:cacheprovider

unit: $(UNIT)                               ## C tests
	@for t in $(UNIT); do echo "== $$t"; $$t || exit 1; done
outside: all $B/torture $B/render-prompts $B/tests/unit/libyoutu_cuda.so  ## tests that drive the programs
	@$(if $(python),:,{ echo 'no python with pytest and validators: sh scripts/setup.sh test' >&2; exit 1; })
	$(pytest) --ignore=tests/cuda tests
# On a GPU; else interpreted by vgpu, whose source is in $(VGPU); else skipped.
VGPU ?= ../shared/vgpu
CUDA_TESTS := $(if $(NVCC),all $(CUDA_UNIT) $(CUDA_MODEL) $B/tests/cuda/every_call $B/tests/cuda/decode_once,no-cuda)
test-cuda: $(CUDA_TESTS)                    ## tests of the CUDA backend (VGPU=DIR)
	@$(if $(NVCC),NVCC=$(NVCC) PYTEST='$(pytest)' sh tests/cuda/run.sh $(abspath $B) $(VGPU),:)
test:                                       ## all tests (installs what they need)
	@sh scripts/setup.sh test
	@$(MAKE) --no-print-directory unit outside
asan:                                       ## all tests under ASan and UBSan
	@$(MAKE) --no-print-directory SAN=1 B=build/asan unit outside
valgrind: $(UNIT)                           ## the small C tests under valgrind, nothing leaked
	@for t in $(filter-out %_golden %_kernels %_kvcache %_lora %_prompt,$(UNIT)); do echo "== $$t"; \
	 valgrind -q --error-exitcode=1 --leak-check=full --show-leak-kinds=definite,indirect,possible \
	 --errors-for-leak-kinds=definite,indirect,possible --suppressions=tests/valgrind.supp $$t >$B/valgrind.log 2>&1 \
	 || { cat $B/valgrind.log; exit 1; }; done

# Training texts, rendered by the program's own code (scripts/demo_text.py).
$B/render-prompts: $B/scripts/render_prompts.o $B/libclinic.a $B/libyoutu.a
	$(CC) $^ -o $@ $(LDFLAGS) $(LIB_LIBS) $(CLI_LIBS)

# ---- the look of the code ----

C_FILES = $(shell find libyoutu kernels cli bench tests examples scripts -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh')
check:                                      ## format, clang-tidy, cppcheck, knowledge base
	clang-format --dry-run --Werror $(C_FILES)
	@echo clang-tidy
	@printf '%s\n' $(LIB_SRC) $(CLI_SRC) $(wildcard bench/*.c) | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet \
	 --warnings-as-errors="*" "$$@" -- $(CPPFLAGS) -std=c11 -mavx2 -mfma -mf16c 2>/dev/null' clang-tidy
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability,performance --inline-suppr \
	 --suppress=missingIncludeSystem --library=posix -D__GNUC__ $(CPPFLAGS) libyoutu kernels cli bench
	$(or $(python),python3) scripts/check_kb.py
	$(or $(python),python3) scripts/check_schemas.py

# NVIDIA's disassembler comes from PyPI.
CUDA_TOOLS := $B/cuda-tools
$(CUDA_TOOLS)/installed:
	@{ $(PYTHON) -m venv $(CUDA_TOOLS) && $(CUDA_TOOLS)/bin/pip install -q 'nvidia-cuda-cuobjdump<14' 'nvidia-cuda-nvdisasm<14'; } \
	 || { echo "check-cuda: pip cannot install cuobjdump and nvdisasm" >&2; exit 1; }
	@touch $@
check-cuda: $(if $(NVCC),$(PLUGIN) $(CUDA_TOOLS)/installed,no-cuda)  ## compiled kernels: spills, instructions, occupancy
	@$(if $(NVCC),$(PYTHON) scripts/check_cuda.py $(PLUGIN) $$(dirname $(CUDA_TOOLS)/lib/python3*/site-packages/nvidia/*/bin/cuobjdump),:)

# ---- the main job ----

SAMPLE := 我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。
demo:                                       ## installs what is missing, builds, runs the main job on the demo model
	@sh scripts/setup.sh build
	@$(MAKE) --no-print-directory all
	$B/youtu-diagnose --model models/youtu-demo --greedy "$(SAMPLE)"

help:                                       ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/\1\t\2/p' Makefile | expand -t 12

clean:                                      ## removes the build folder
	rm -rf $B

.PHONY: all lib bench cuda no-cuda test-cuda install uninstall unit outside test asan valgrind check check-cuda demo help clean
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
