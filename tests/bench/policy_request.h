/* policy_request: requests of Postfix's policy protocol as smtpd 3.10 sends them, each of a numbered triplet.
 *
 * A triplet's client, sender and recipient follow from its number and the seed alone, so that one run can ask for what another
 * asked before. All names are made up (.test), client addresses are of networks that send no mail. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POLICY_REQUEST_MAX 1024

typedef struct {
    uint64_t seed;
    uint64_t networks;   /* how many client /24 networks there are; 0: as many as come */
    uint64_t senders;    /* the same of sender domains */
    uint64_t recipients; /* the same of recipients; those of one domain, example.test */
    int sasl;            /* requests of submission: an authenticated user who sends from an address of his own */
} PolicyPopulation;

/* Writes the request for a triplet, its empty line included, and returns its length. serial makes its instance (one message each). */
size_t policy_request_write(const PolicyPopulation *population, uint64_t triplet, uint64_t serial, char out[POLICY_REQUEST_MAX]);
