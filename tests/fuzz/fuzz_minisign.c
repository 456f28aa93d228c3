// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as a signature, a public key, a secret key without a password; what parses is checked against some bytes.
 */
#include <sodium.h>
#include <string.h>

#include "driver-repo/minisign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct xg_public_key key = { .id = { 0 } };
	struct xg_secret_key secret;
	struct xg_signature sig;
	struct xg_err err;

	if (sodium_init() < 0)
		return 0;
	xg_public_key_parse(text, size, &key, &err);
	if (!xg_signature_parse(text, size, &sig, &err)) {
		memcpy(key.id, sig.id, sizeof(key.id));
		xg_signature_check(&sig, &key, data, size, &err);
	}
	if (!xg_secret_key_wants_password(text, size))
		xg_secret_key_parse(text, size, NULL, &secret, &err);
	return 0;
}
