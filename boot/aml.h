/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOT_AML_H
#define BOOT_AML_H

/*
 * A small emitter of ACPI Machine Language, as much of it as the DSDT needs. Everything goes to one
 * bounded buffer: what does not fit sets @full and is dropped, so that only the end result has to
 * be checked.
 *
 * A term with a body is opened by a function that returns a mark, and closed by aml_end() with it.
 * Names are single segments of one to four characters; shorter ones are filled up with "_", and a
 * leading "\" means the root.
 */

#include "vmm/compiler.h"

#include <stdbool.h>

struct aml {
	uint8_t *buf;
	size_t size, len; /* bytes */
	bool full; /* something did not fit */
};

enum aml_space { AML_SYSTEM_MEMORY = 0, AML_SYSTEM_IO = 1 };

/**
 * aml_init() - Begin with an empty buffer
 * @a:    Any contents
 * @buf:  Where to
 * @size: Bytes of it
 */
void aml_init(struct aml *a, void *buf, size_t size);

/**
 * aml_scope(), aml_device(), aml_method(), aml_package(), aml_if() - Open a term with a body
 * @a:      Buffer
 * @name:   Name
 * @n_args: Arguments of the method, up to 7
 * @n:      Elements of the package, emitted next by the caller
 *
 * The method is serialized. The condition of the If is emitted first by the caller.
 * Return: Mark for aml_end().
 * Spec:   ACPI 6.4 sections 20.2.5.1, 20.2.5.2, 20.2.5.3, 20.2.5.4
 */
size_t aml_scope(struct aml *a, const char *name) MUST_CHECK;
size_t aml_device(struct aml *a, const char *name) MUST_CHECK;
size_t aml_method(struct aml *a, const char *name, unsigned n_args) MUST_CHECK;
size_t aml_package(struct aml *a, unsigned n) MUST_CHECK;
size_t aml_if(struct aml *a) MUST_CHECK;

/**
 * aml_end() - Close a term and write its length
 * @a:    Buffer
 * @mark: Of the innermost open term
 *
 * Spec: ACPI 6.4 section 20.2.4 (PkgLength)
 */
void aml_end(struct aml *a, size_t mark);

/**
 * aml_name() - Begin Name(@name, ...): the value is emitted next by the caller
 * @a:    Buffer
 * @name: Name
 */
void aml_name(struct aml *a, const char *name);

/**
 * aml_int(), aml_string() - An integer in as few bytes as it needs, a string
 * @a: Buffer
 * @v: Value
 * @s: NUL-terminated ASCII
 */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *s);

/**
 * aml_name_int(), aml_name_string() - Name(@name, value) in one
 * @a:    Buffer
 * @name: Name
 * @v:    Value
 * @s:    Value
 */
void aml_name_int(struct aml *a, const char *name, uint64_t v);
void aml_name_string(struct aml *a, const char *name, const char *s);

/**
 * aml_field() - A register: OperationRegion(@region, ...) with one field over all of it
 * @a:      Buffer
 * @region: Name of the region
 * @space:  Kind of address
 * @base:   First address
 * @field:  Name of the field; reading it reads the register
 *
 * 32 bits wide, accessed as a whole.
 * Spec: ACPI 6.4 sections 19.6.100, 19.6.48
 */
void aml_field(struct aml *a, const char *region, enum aml_space space, uint64_t base,
               const char *field);

/**
 * aml_and() - The condition (@name & @bits) of an If
 * @a:    Buffer
 * @name: Something that has an integer value
 * @bits: Mask
 */
void aml_and(struct aml *a, const char *name, uint64_t bits);

/**
 * aml_notify() - Notify(@name, @value)
 * @a:     Buffer
 * @name:  Device
 * @value: What happened to it
 */
void aml_notify(struct aml *a, const char *name, uint64_t value);

/**
 * aml_resources() - Open ResourceTemplate() { ... }
 * @a: Buffer
 *
 * Return: Mark for aml_resources_end().
 * Spec:   ACPI 6.4 section 6.4
 */
size_t aml_resources(struct aml *a) MUST_CHECK;

/**
 * aml_resources_end() - Close it
 * @a:    Buffer
 * @mark: From aml_resources()
 */
void aml_resources_end(struct aml *a, size_t mark);

/**
 * aml_memory32(), aml_io() - A range of memory that can be written, a range of ports
 * @a:    Buffer
 * @base: First address
 * @len:  Bytes
 */
void aml_memory32(struct aml *a, uint32_t base, uint32_t len);
void aml_io(struct aml *a, uint16_t base, uint8_t len);

/**
 * aml_interrupt() - An interrupt: edge-triggered, active-high and exclusive
 * @a:   Buffer
 * @gsi: Global system interrupt
 */
void aml_interrupt(struct aml *a, uint32_t gsi);

#endif /* BOOT_AML_H */
