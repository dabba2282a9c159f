/* hashbl.h: what of a message HashBL's rules hash; for hashbl.c. Lists are of char *, each once, in the order they are found. */
#pragma once
#include "lib/spam/net/net_private.h"

char *hashbl_hash(const struct hash_options *options, const char *value, gsize length);
GPtrArray *hashbl_emails(struct net_check *check, const struct hash_rule *hash);
GPtrArray *hashbl_uris(struct net_check *check, const struct hash_rule *hash);
GPtrArray *hashbl_matches(struct net_check *check, const struct hash_rule *hash);
GPtrArray *hashbl_tag_values(struct net_check *check, const struct hash_rule *hash);
GPtrArray *hashbl_attachments(struct net_check *check, const struct hash_rule *hash); /* hashes */

/* The e-mail addresses in a text, as hashbl_email_regex finds them. */
GPtrArray *hashbl_emails_in(const struct net_check *check, const char *text, gsize length);
/* Replaces each match by a blank. */
void hashbl_blank_out(GString *text, const struct pcre2_real_code_8 *pattern);
/* Calls with each match of the pattern's first group, or of all where it has none; FALSE from it ends. */
void hashbl_each_match(const struct pcre2_real_code_8 *pattern, const char *text, gsize length,
                       gboolean (*found)(gpointer data, const char *match, gsize length), gpointer data);
