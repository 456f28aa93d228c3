/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of guests and files are bytes; JSON is UTF-8. */
#ifndef XG_OPS_JSON_TEXT_H
#define XG_OPS_JSON_TEXT_H

#include <jansson.h>

/* TEXT as a JSON string. What is no UTF-8 has a question mark for each byte beyond ASCII. NULL: no memory. */
json_t *xg_json_text(const char *text);

#endif
