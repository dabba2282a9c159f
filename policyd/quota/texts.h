/* texts.h: what notices say of quotas; see policyd/notices/texts.h. */
#pragma once
#include "policyd/notices/texts.h"
#include "policyd/quota/levels.h"

extern const struct text_kind quota_texts[QUOTA_KINDS];

/* {percent}, {used} and {limit} of the root. Caller frees, as text_values_new's. */
GArray *quota_texts_values(const char *language, const struct quota_root *root);
/* Bytes for people: "861 MB", "1.0 GB" (of 1024). Appends. */
void quota_texts_size(GString *out, gint64 bytes);
