/* pattern.h: a pattern as rule files write it: delimiters, modifiers, and whether Perl would take it.
 *
 * SpamAssassin refuses what Perl refuses or warns of; PCRE2 refuses most of that itself, the rest is looked for here. */
#pragma once
#include "lib/spam/rules/ruleset.h"

struct pcre2_real_code_8;

enum rules_delimiters {
    RULES_BARE,    /* the text is the pattern */
    RULES_DELIMITED /* /re/mods, m{re}mods, qr!re!mods */
};

/* Takes text apart and checks that it compiles. refuse_always: also refuse what always matches (lint). FALSE with error set, and
 * pattern untouched. pattern->text is freed first when there. */
gboolean rules_pattern_parse(struct spam_pattern *pattern, const char *text, enum rules_delimiters delimiters,
                             gboolean refuse_always, GError **error);
/* PCRE2 code of pattern text that rules_pattern_parse took: Perl's meaning under /aa over bytes. options: PCRE2_*. Free with
 * pcre2_code_free. NULL with error. Thread-safe. */
struct pcre2_real_code_8 *rules_pattern_compile(const char *text, guint32 options, GError **error);
/* Is the error of the two above only that PCRE2 has no room for so long a pattern? */
gboolean rules_pattern_too_long(const GError *error);
void rules_pattern_clear(struct spam_pattern *pattern);
