#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The allocator behind: glibc's, or AddressSanitizer's, which stands before it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
extern void *REAL(malloc)(size_t size);
extern void *REAL(calloc)(size_t count, size_t size);
extern void *REAL(realloc)(void *block, size_t size);
extern void *REAL(memalign)(size_t alignment, size_t size);
extern void REAL(free)(void *block);

static uintptr_t openmp_begin, openmp_end;
static long blocks, mappings;
static struct plan {
    bool active;
    bool all_after;
    call_family family;
    long before; /* calls that still succeed */
    long failed;
} plan;

/* The runtime's place in memory. */
static int find_range(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size;
    (void)user;
    if (!strstr(info->dlpi_name, "libgomp") && !strstr(info->dlpi_name, "libomp")) return 0;
    openmp_begin = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
        if (begin < openmp_begin) openmp_begin = begin;
        if (end > openmp_end) openmp_end = end;
    }
    return 1;
}

__attribute__((constructor)) static void find_openmp(void) {
    dl_iterate_phdr(find_range, NULL);
}

void fail_calls(call_family family, long first, bool all_after) {
    plan = (struct plan){.active = true, .all_after = all_after, .family = family, .before = first - 1};
}

long stop_failing(void) {
    plan.active = false;
    return plan.failed;
}

held_resources count_held(void) {
    held_resources held = {blocks, mappings, 0};
#ifdef __SANITIZE_ADDRESS__
    held.blocks = 0; /* its own strdup does not come by here; it searches for leaks itself, at the end */
#endif
    for (int fd = 0; fd < 256; fd++) held.files += fcntl(fd, F_GETFD) >= 0;
    return held;
}

/* Whether the plan makes this call fail. */
static bool must_fail(call_family family) {
    if (!plan.active || plan.family != family) return false;
    if (plan.before-- > 0 || (plan.failed > 0 && !plan.all_after)) return false;
    plan.failed++;
    errno = family == CALLS_MEMORY ? ENOMEM : EIO;
    return true;
}

/* ---- memory ---- */

#pragma GCC visibility push(default) /* seen by shared libraries too */

static bool must_refuse(const void *caller) {
    bool is_openmp = (uintptr_t)caller >= openmp_begin && (uintptr_t)caller < openmp_end;
    return !is_openmp && must_fail(CALLS_MEMORY);
}

#define REFUSED must_refuse(__builtin_return_address(0))

static void *count_block(void *block) {
    blocks += block != NULL;
    return block;
}

void *malloc(size_t size) {
    return REFUSED ? NULL : count_block(REAL(malloc)(size));
}

void *calloc(size_t count, size_t size) {
    return REFUSED ? NULL : count_block(REAL(calloc)(count, size));
}

void *realloc(void *block, size_t size) {
    if (REFUSED) return NULL;
    void *moved = REAL(realloc)(block, size);
    return block ? moved : count_block(moved);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return REFUSED ? NULL : count_block(REAL(memalign)(alignment, size));
}

void *memalign(size_t alignment, size_t size) {
    return REFUSED ? NULL : count_block(REAL(memalign)(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    void *aligned = REFUSED ? NULL : count_block(REAL(memalign)(alignment, size));
    if (!aligned) return ENOMEM;
    *block = aligned;
    return 0;
}

void free(void *block) {
    blocks -= block != NULL;
    REAL(free)(block);
}

/* ---- files: straight to the kernel ---- */

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return must_fail(CALLS_FILES) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fstat(int fd, struct stat *about) {
    return must_fail(CALLS_FILES) ? -1 : (int)syscall(SYS_fstat, fd, about);
}

ssize_t read(int fd, void *buffer, size_t size) {
    return must_fail(CALLS_FILES) ? -1 : syscall(SYS_read, fd, buffer, size);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (must_fail(CALLS_FILES)) return MAP_FAILED;
    long mapping = syscall(SYS_mmap, address, size, protection, flags, fd, offset);
    mappings += mapping != -1;
    return (void *)mapping;
}

int munmap(void *address, size_t size) {
    mappings--;
    return (int)syscall(SYS_munmap, address, size);
}

#pragma GCC visibility pop
