/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_CTL_PRINT_H
#define VMM_CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>

/* What vmmctl shows of answers and events, on standard output. */

/**
 * ctl_print_value() - Print the answer to a command
 * @value: Any JSON
 * @json:  As JSON; else a line for each value that holds no others, named by where it stands
 */
void ctl_print_value(json_t *value, bool json);

/**
 * ctl_print_event() - Print an event, in one line
 * @event: A message with the member "event"
 * @json:  As JSON; else its time, name and data
 */
void ctl_print_event(json_t *event, bool json);

#endif /* VMM_CTL_PRINT_H */
