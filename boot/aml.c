/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/aml.h"

#include <string.h>

/* Opcodes: ACPI 6.4 section 20.2 and table 20.2. */
#define OP_ZERO       0x00
#define OP_ONE        0x01
#define OP_NAME       0x08
#define OP_BYTE       0x0a
#define OP_WORD       0x0b
#define OP_DWORD      0x0c
#define OP_STRING     0x0d
#define OP_QWORD      0x0e
#define OP_SCOPE      0x10
#define OP_BUFFER     0x11
#define OP_PACKAGE    0x12
#define OP_METHOD     0x14
#define OP_EXT        0x5b
#define OP_EXT_REGION 0x80
#define OP_EXT_FIELD  0x81
#define OP_EXT_DEVICE 0x82
#define OP_AND        0x7b
#define OP_NOTIFY     0x86
#define OP_IF         0xa0
#define NULL_NAME     0x00 /* target of And: the result is not stored */
#define METHOD_ARGS   0x07
#define METHOD_SERIAL 0x08
#define FIELD_DWORD   0x03 /* access type of a field; no lock, preserve */
#define FIELD_BITS    32

/* Resource descriptors: ACPI 6.4 section 6.4. */
#define RES_IO          0x47
#define RES_END         0x79
#define RES_MEMORY32    0x86
#define RES_INTERRUPT   0x89
#define IO_DECODE16     0x01
#define MEMORY_WRITABLE 0x01
#define IRQ_CONSUMER    0x01
#define IRQ_EDGE        0x02

#define NAME_LEN       4 /* characters of a name segment */
#define PKG_LENGTH_MAX 4 /* bytes of a PkgLength */

void aml_init(struct aml *a, void *buf, size_t size)
{
	*a = (struct aml){ .buf = buf, .size = size };
}

static void put(struct aml *a, const void *bytes, size_t n)
{
	if (n > a->size - a->len) {
		a->full = true;
		return;
	}
	memcpy(a->buf + a->len, bytes, n);
	a->len += n;
}

static void put8(struct aml *a, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	put(a, &byte, 1);
}

/* Put bytes before what was emitted since @mark. */
static void put_before(struct aml *a, size_t mark, const void *bytes, size_t n)
{
	if (n > a->size - a->len || mark > a->len) {
		a->full = true;
		return;
	}
	memmove(a->buf + mark + n, a->buf + mark, a->len - mark);
	memcpy(a->buf + mark, bytes, n);
	a->len += n;
}

static void put_name(struct aml *a, const char *name)
{
	size_t n;

	if (*name == '\\') {
		put8(a, '\\');
		name++;
	}
	n = strnlen(name, NAME_LEN);
	put(a, name, n);
	put(a, "____", NAME_LEN - n);
}

/* Encode an integer; returns its length. */
static size_t encode_int(uint8_t out[9], uint64_t v)
{
	size_t n;

	if (v <= 1) {
		out[0] = v == 0 ? OP_ZERO : OP_ONE;
		return 1;
	}
	if (v <= UINT8_MAX) {
		out[0] = OP_BYTE;
		n = 1;
	} else if (v <= UINT16_MAX) {
		out[0] = OP_WORD;
		n = 2;
	} else if (v <= UINT32_MAX) {
		out[0] = OP_DWORD;
		n = 4;
	} else {
		out[0] = OP_QWORD;
		n = 8;
	}
	memcpy(out + 1, &v, n);
	return 1 + n;
}

/* Encode a PkgLength, which counts its own bytes; returns its length. */
static size_t encode_pkg_length(uint8_t out[PKG_LENGTH_MAX], size_t body)
{
	size_t n, total;

	if (body + 1 <= 0x3f) {
		out[0] = (uint8_t)(body + 1);
		return 1;
	}
	/* The lead byte has 4 bits of the length, each of up to three others has 8. */
	for (n = 2; n < PKG_LENGTH_MAX && body + n >= (size_t)1 << (4 + 8 * (n - 1)); n++)
		;
	total = body + n;
	out[0] = (uint8_t)((n - 1) << 6 | (total & 0xf));
	for (size_t i = 1; i < n; i++)
		out[i] = (uint8_t)(total >> (4 + 8 * (i - 1)));
	return n;
}

size_t aml_scope(struct aml *a, const char *name)
{
	size_t mark;

	put8(a, OP_SCOPE);
	mark = a->len;
	put_name(a, name);
	return mark;
}

size_t aml_device(struct aml *a, const char *name)
{
	size_t mark;

	put8(a, OP_EXT);
	put8(a, OP_EXT_DEVICE);
	mark = a->len;
	put_name(a, name);
	return mark;
}

size_t aml_method(struct aml *a, const char *name, unsigned n_args)
{
	size_t mark;

	put8(a, OP_METHOD);
	mark = a->len;
	put_name(a, name);
	put8(a, (n_args & METHOD_ARGS) | METHOD_SERIAL);
	return mark;
}

size_t aml_package(struct aml *a, unsigned n)
{
	size_t mark;

	put8(a, OP_PACKAGE);
	mark = a->len;
	put8(a, n);
	return mark;
}

size_t aml_if(struct aml *a)
{
	put8(a, OP_IF);
	return a->len;
}

void aml_end(struct aml *a, size_t mark)
{
	uint8_t length[PKG_LENGTH_MAX];

	put_before(a, mark, length, encode_pkg_length(length, a->len - mark));
}

void aml_name(struct aml *a, const char *name)
{
	put8(a, OP_NAME);
	put_name(a, name);
}

void aml_int(struct aml *a, uint64_t v)
{
	uint8_t bytes[9];

	put(a, bytes, encode_int(bytes, v));
}

void aml_string(struct aml *a, const char *s)
{
	put8(a, OP_STRING);
	put(a, s, strlen(s) + 1);
}

void aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_int(a, v);
}

void aml_name_string(struct aml *a, const char *name, const char *s)
{
	aml_name(a, name);
	aml_string(a, s);
}

void aml_field(struct aml *a, const char *region, enum aml_space space, uint64_t base,
               const char *field)
{
	size_t mark;

	put8(a, OP_EXT);
	put8(a, OP_EXT_REGION);
	put_name(a, region);
	put8(a, space);
	aml_int(a, base);
	aml_int(a, FIELD_BITS / 8);

	put8(a, OP_EXT);
	put8(a, OP_EXT_FIELD);
	mark = a->len;
	put_name(a, region);
	put8(a, FIELD_DWORD);
	put_name(a, field);
	put8(a, FIELD_BITS); /* a PkgLength of one byte, which here counts bits */
	aml_end(a, mark);
}

void aml_and(struct aml *a, const char *name, uint64_t bits)
{
	put8(a, OP_AND);
	put_name(a, name);
	aml_int(a, bits);
	put8(a, NULL_NAME);
}

void aml_notify(struct aml *a, const char *name, uint64_t value)
{
	put8(a, OP_NOTIFY);
	put_name(a, name);
	aml_int(a, value);
}

size_t aml_resources(struct aml *a)
{
	put8(a, OP_BUFFER);
	return a->len;
}

void aml_resources_end(struct aml *a, size_t mark)
{
	uint8_t size[9];

	put8(a, RES_END);
	put8(a, 0); /* checksum: 0 means that there is none */
	put_before(a, mark, size, encode_int(size, a->len - mark));
	aml_end(a, mark);
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	put(a, (const uint8_t[]){ RES_MEMORY32, 9, 0, MEMORY_WRITABLE }, 4);
	put(a, &base, sizeof(base));
	put(a, &len, sizeof(len));
}

void aml_io(struct aml *a, uint16_t base, uint8_t len)
{
	put(a, (const uint8_t[]){ RES_IO, IO_DECODE16 }, 2);
	put(a, &base, sizeof(base)); /* lowest address */
	put(a, &base, sizeof(base)); /* highest address */
	put8(a, 1); /* alignment */
	put8(a, len);
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
	put(a, (const uint8_t[]){ RES_INTERRUPT, 6, 0, IRQ_CONSUMER | IRQ_EDGE, 1 }, 5);
	put(a, &gsi, sizeof(gsi));
}
