/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/unpack.h"

#include "boot/file.h"
#include "vmm/num.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#define UNPACKED_MAX (256 * MiB)

/*
 * The libraries' functions, declared here: their headers are not needed to build, nor the libraries
 * to run as long as nothing is compressed. Each decodes @in as a whole to @out. Returns the bytes,
 * or -1: damaged, or more than @room.
 */
typedef int64_t decode_fn(void *library, const void *in, size_t len, void *out, size_t room);

static int64_t decode_xz(void *library, const void *in, size_t len, void *out, size_t room)
{
	int (*lzma)(uint64_t * memory, uint32_t flags, const void *allocator, const void *in,
	            size_t *in_at, size_t in_len, void *out, size_t *out_at, size_t out_len);
	uint64_t memory = UNPACKED_MAX;
	size_t from = 0, to = 0;

	*(void **)&lzma = dlsym(library, "lzma_stream_buffer_decode");
	if (!lzma || lzma(&memory, 0, NULL, in, &from, len, out, &to, room) != 0)
		return -1;
	return (int64_t)to;
}

static int64_t decode_zstd(void *library, const void *in, size_t len, void *out, size_t room)
{
	size_t (*zstd)(void *out, size_t room, const void *in, size_t len);
	size_t n = SIZE_MAX;

	*(void **)&zstd = dlsym(library, "ZSTD_decompress");
	if (zstd)
		n = zstd(out, room, in, len);
	return n > room ? -1 : (int64_t)n; /* errors are the highest numbers */
}

/* zlib's own structure; the rest of it is the library's. */
struct z_stream {
	const void *next_in;
	unsigned avail_in;
	unsigned long total_in;
	void *next_out;
	unsigned avail_out;
	unsigned long total_out;
	void *own[8];
};
ABI_SIZE(struct z_stream, 112);

static int64_t decode_gzip(void *library, const void *in, size_t len, void *out, size_t room)
{
	struct z_stream z = { .next_in = in,
		              .avail_in = (unsigned)len,
		              .next_out = out,
		              .avail_out = (unsigned)room };
	int (*init)(struct z_stream * z, int bits, const char *version, int size);
	int (*inflate)(struct z_stream * z, int flush);
	int (*end)(struct z_stream * z);
	int r;

	*(void **)&init = dlsym(library, "inflateInit2_");
	*(void **)&inflate = dlsym(library, "inflate");
	*(void **)&end = dlsym(library, "inflateEnd");
	/* 15 bits of window, 16: with gzip's head. */
	if (!init || !inflate || !end || init(&z, 15 + 16, "1", sizeof(z)) != 0)
		return -1;
	r = inflate(&z, 4 /* Z_FINISH */);
	end(&z);
	return r == 1 /* Z_STREAM_END */ ? (int64_t)z.total_out : -1;
}

static const struct format {
	const char *suffix, *library, *package;
	decode_fn *decode;
} formats[] = {
	{ ".xz", "liblzma.so.5", "liblzma5", decode_xz },
	{ ".zst", "libzstd.so.1", "libzstd1", decode_zstd },
	{ ".gz", "libz.so.1", "zlib1g", decode_gzip },
};

static const struct format *format_of(const char *path, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
		size_t n = strlen(formats[i].suffix);

		if (len > n && memcmp(path + len - n, formats[i].suffix, n) == 0)
			return &formats[i];
	}
	return NULL;
}

size_t unpack_suffix(const char *path, size_t len)
{
	const struct format *format = format_of(path, len);

	return format ? strlen(format->suffix) : 0;
}

/* Decode *@data, with more and more room until it suffices. */
static int decode(const struct format *format, const char *name, void **data, size_t *len,
                  struct err *e)
{
	void *library = dlopen(format->library, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(e, ELIBACC, "'%s' is compressed, and %s is missing: install %s",
		               name, format->library, format->package);
	for (size_t room = (*len + 1) * 4; room / 2 < UNPACKED_MAX; room *= 2) {
		void *out = malloc(room);
		int64_t n = out ? format->decode(library, *data, *len, out, room) : -1;

		if (n >= 0) {
			free(*data);
			*data = out;
			*len = (size_t)n;
			return 0;
		}
		free(out);
		if (!out)
			return err_errno(e, ENOMEM, "cannot unpack '%s'", name);
	}
	return err_set(e, EINVAL, "'%s' is damaged, or more than 256 MiB when unpacked", name);
}

int unpack_file(const char *path, const char *what, void **ret, size_t *len, struct err *e)
{
	const struct format *format = format_of(path, strlen(path));
	CLEANUP_FREE void *data = NULL;
	struct file f;
	size_t n = 0;
	int r = file_open(&f, path, what, e);

	if (r < 0)
		return r;
	if (f.size > UNPACKED_MAX) {
		r = err_set(e, EINVAL, "%s '%s' is more than 256 MiB", what, f.name);
	} else {
		n = (size_t)f.size;
		data = malloc(n);
		r = data ? file_read(&f, 0, data, n, e)
		         : err_errno(e, ENOMEM, "cannot read '%s'", f.name);
	}
	file_close(&f);
	if (r == 0 && format)
		r = decode(format, f.name, &data, &n, e);
	if (r < 0)
		return r;
	*ret = ptr_take(&data);
	*len = n;
	return 0;
}
