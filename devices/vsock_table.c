/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vsock_table.h"

#include <errno.h>

int vsock_table_init(struct vsock_table *t, unsigned max, struct loop *loop,
                     void (*ready)(struct loop_source *s, uint32_t events), struct err *e)
{
	void *buffers = mmap(NULL, (size_t)max * VSOCK_CONN_BUFFER, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*t = (struct vsock_table){ .max = max, .loop = loop, .ready = ready };
	t->buffers = buffers == MAP_FAILED ? NULL : buffers;
	t->conn = calloc(max, sizeof(*t->conn));
	t->key = calloc(max, sizeof(*t->key));
	if (!t->buffers || !t->conn || !t->key)
		return err_set(e, ENOMEM, "no memory for vsock connections");
	return 0;
}

void vsock_table_fini(struct vsock_table *t)
{
	if (t->buffers)
		munmap(t->buffers, (size_t)t->max * VSOCK_CONN_BUFFER);
	free(t->conn);
	free(t->key);
	*t = (struct vsock_table){ 0 };
}

static unsigned index_of(const struct vsock_conn *c)
{
	return (unsigned)(c - c->table->conn);
}

struct vsock_conn *vsock_table_take(struct vsock_table *t)
{
	struct vsock_conn *c;
	unsigned i = 0;

	while (i < t->n && t->conn[i].state != VSOCK_FREE)
		i++;
	if (i == t->max)
		return NULL;
	if (i == t->n)
		t->n++;
	c = &t->conn[i];
	*c = (struct vsock_conn){
		.table = t,
		.source = { .fd = -1, .ready = t->ready },
		.loop = t->loop,
		.next = c->next,
		.listed = c->listed,
		.buffer = t->buffers + (size_t)i * VSOCK_CONN_BUFFER,
	};
	t->key[i] = VSOCK_TABLE_NO_KEY;
	return c;
}

void vsock_table_release(struct vsock_conn *c)
{
	struct vsock_table *t = c->table;

	vsock_table_unname(c);
	c->state = VSOCK_FREE;
	c->due = 0;
	while (t->n > 0 && t->conn[t->n - 1].state == VSOCK_FREE)
		t->n--;
}

static uint64_t key_of(uint32_t guest_port, uint32_t host_port)
{
	return (uint64_t)guest_port << 32 | host_port;
}

void vsock_table_name(struct vsock_conn *c)
{
	c->table->key[index_of(c)] = key_of(c->guest_port, c->host_port);
}

void vsock_table_unname(struct vsock_conn *c)
{
	c->table->key[index_of(c)] = VSOCK_TABLE_NO_KEY;
}

struct vsock_conn *vsock_table_find(const struct vsock_table *t, uint32_t guest_port,
                                    uint32_t host_port)
{
	uint64_t key = key_of(guest_port, host_port);

	for (unsigned i = 0; i < t->n; i++)
		if (t->key[i] == key && key != VSOCK_TABLE_NO_KEY)
			return &t->conn[i];
	return NULL;
}

struct vsock_conn *vsock_table_find_cookie(const struct vsock_table *t, uint64_t cookie)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->conn[i].state == VSOCK_DIALING && t->conn[i].cookie == cookie)
			return &t->conn[i];
	return NULL;
}
