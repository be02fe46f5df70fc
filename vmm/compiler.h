/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_COMPILER_H
#define VMM_COMPILER_H

/*
 * GNU attributes and the few macros that every layer uses. Nothing else in the tree spells
 * __attribute__ or __builtin by itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wire structures are plain integers: only little-endian hosts are supported"
#endif

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define PACKED            __attribute__((packed))
#define NORETURN          __attribute__((noreturn))
#define COLD              __attribute__((cold))
#define FLATTEN           __attribute__((flatten)) /* whatever it calls becomes part of it */
#define FALLTHROUGH       __attribute__((fallthrough))
#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))

/* The structure that @ptr is the @member of; a pointer to another type does not compile. */
#define container_of(ptr, type, member)                                                            \
	((type *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

/* Wire structures are checked where they are declared: tests/abi compares them with the kernel's.
 */
#define ABI_SIZE(T, n) _Static_assert(sizeof(T) == (n), #T " is not " #n " bytes")
#define ABI_OFF(T, field, n)                                                                       \
	_Static_assert(offsetof(T, field) == (n), #T "." #field " is not at " #n)

/*
 * Thread roles, checked by clang -Wthread-safety (meson -Dthread_safety=true): a function that must
 * run on one thread says RUNS_ON(role), the entry of that thread says ENTERS(role).
 */
#if defined(__clang__) && defined(VMM_THREAD_SAFETY)
struct __attribute__((capability("role"))) thread_role {
	int unused;
};
extern struct thread_role on_main, on_vcpu, on_dev;
#define RUNS_ON(role) __attribute__((requires_capability(role)))
#define ENTERS(role)  __attribute__((assert_capability(role)))
#else
#define RUNS_ON(role)
#define ENTERS(role)
#endif

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* A mapping that a function may still have to undo. */
struct mapping {
	void *addr; /* NULL: none */
	size_t len; /* bytes */
};

static inline void cleanup_mmap(struct mapping *m)
{
	if (m->addr)
		munmap(m->addr, m->len);
}

/* Locals that give themselves back on every way out; *_take() hands the value over instead. */
#define CLEANUP_FD   __attribute__((cleanup(cleanup_fd)))
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_MMAP __attribute__((cleanup(cleanup_mmap)))

static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void *ptr_take(void *p)
{
	void *taken = *(void **)p;

	*(void **)p = NULL;
	return taken;
}

static inline void *mmap_take(struct mapping *m)
{
	void *taken = m->addr;

	m->addr = NULL;
	return taken;
}

/* Close *@fd if it is open, and mark it closed: for fini functions, which run on half-built
 * objects. */
static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif /* VMM_COMPILER_H */
