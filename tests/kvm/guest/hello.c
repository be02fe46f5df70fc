/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kvm/guest/guest.h"

/* The least that a guest can do: say so, and end with the status it was told. */
int main(void)
{
	put("hello from a guest\n");
	return (int)arg_num("status", 0);
}
