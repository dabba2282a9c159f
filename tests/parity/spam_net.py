"""Network rules: the questions that are asked for a message and the rules that hit, ours against SpamAssassin's.

Both ask the server of spam_net_server.py on loopback, so nothing leaves the machine. Rule sets: one of each kind of rule, with trust in no
network or in some; and Debian's own rules of lists. What is known to differ (net.h) is not in them: several types in one askdns rule,
check_dns_sender; more hosts than uridnsbl_max_domains (SpamAssassin takes some at random); refusals, which SpamAssassin believes."""
import collections
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spam_net_server  # noqa: E402
from spam_oracle import CACHE, GROUPS, files_of, mutated, seeded, written  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = "/usr/share/spamassassin"
MUTANTS = 120
PLUGINS = ["Check", "DNSEval", "URIDNSBL", "AskDNS", "HashBL", "ASN"]
AUTH_MESSAGES = 1000
KINDS = r"""
header __LIST        eval:check_rbl('all', 'ip.bl.test.')
header LIST_TWO      eval:check_rbl_sub('all', '127.0.0.2')
header LIST_MASK     eval:check_rbl_sub('all', '6')
header LIST_RE       eval:check_rbl_sub('all', '^127\.0\.1\.\d+$')
header LAST          eval:check_rbl('last-lastexternal', 'ip.bl.test', '127.0.0.2')
header LAST_OTHER    eval:check_rbl('last2-lastexternal', 'other.bl.test..', '^127\.0\.0\.[2-9]$')
header NOTFIRST      eval:check_rbl('nf-notfirsthop', 'nf.bl.test')
header FIRST         eval:check_rbl('ft-firsttrusted', 'wl.bl.test')
tflags FIRST         nice net
header FIRST_HI      eval:check_rbl_sub('ft-firsttrusted', '^127\.0\.\d+\.4$')
header UNTRUSTED     eval:check_rbl('un-untrusted', 'un.bl.test', '14')
header UNTRUSTED_W   eval:check_rbl('unw-untrusted', 'unw.bl.test')
tflags UNTRUSTED_W   nice net
header TEXT          eval:check_rbl_txt('txt', 'txt.bl.test', '(?i:spamcop|listed)')
header TEXT_ANY      eval:check_rbl_txt('txt2-lastexternal', 'txt2.bl.test')
header TEXT_SUB      eval:check_rbl_sub('txt2-lastexternal', '127.0.0.2')
header ACCREDIT      eval:check_rbl_accreditor('acc-firsttrusted', 'acc.bl.test', '127.0.0.2', 'habeas')
header FROM_HOST     eval:check_rbl_from_host('fh', 'fh.bl.test')
header FROM_DOMAIN   eval:check_rbl_from_domain('fd', 'fd.bl.test', '^127\.0\.0\.')
header FROM_IPS      eval:check_rbl_from_host('fi', 'fi.bl.test')
tflags FROM_IPS      net ips_only
header ENVFROM       eval:check_rbl_envfrom('ef', 'ef.bl.test', '2')
header ENVFROM_DOM   eval:check_rbl_envfrom('efd', 'efd.bl.test')
tflags ENVFROM_DOM   net domains_only
header NS_FROM       eval:check_rbl_ns_from('ns', 'ns.bl.test')
header RCVD          eval:check_rbl_rcvd('rc', 'rc.bl.test')
header RCVD_DOM      eval:check_rbl_rcvd('rcd', 'rcd.bl.test', '^127\.0\.')
tflags RCVD_DOM      net domains_only
header RCVD_IPS      eval:check_rbl_rcvd('rci', 'rci.bl.test')
tflags RCVD_IPS      net ips_only
header HEADERS       eval:check_rbl_headers('hd', 'hd.bl.test')
header HEADERS_OWN   eval:check_rbl_headers('hdo', 'hdo.bl.test', '^127', 'X-Originating-IP,Sender,Message-ID')
header OFF           eval:check_rbl('off', 'off.bl.test')
score  OFF           0
urirhsbl       RHS            rhs.bl.test.  A
body           RHS            eval:check_uridnsbl('RHS')
tflags         RHS            net
urirhssub      RHS_MASK       multi.bl.test A 6
body           RHS_MASK       eval:check_uridnsbl('RHS_MASK')
urirhssub      RHS_ONE        multi.bl.test A 127.0.0.8
body           RHS_ONE        eval:check_uridnsbl('RHS_ONE')
urirhssub      RHS_RANGE      multi.bl.test A 127.0.0.2-127.0.0.10
body           RHS_RANGE      eval:check_uridnsbl('RHS_RANGE')
urirhssub      RHS_MASKED     multi.bl.test A 127.0.0.2/255.0.0.2
body           RHS_MASKED     eval:check_uridnsbl('RHS_MASKED')
urirhssub      RHS_HEX        multi.bl.test A 0x40
body           RHS_HEX        eval:check_uridnsbl('RHS_HEX')
urirhssub      RHS_TXT        rtxt.bl.test TXT 2
body           RHS_TXT        eval:check_uridnsbl('RHS_TXT')
urirhsbl       RHS_TXT_ANY    rtxt.bl.test TXT
body           RHS_TXT_ANY    eval:check_uridnsbl('RHS_TXT_ANY')
urirhsbl       RHS_IPS        rip.bl.test A
body           RHS_IPS        eval:check_uridnsbl('RHS_IPS')
tflags         RHS_IPS        net ips_only
urirhsbl       RHS_DOMAINS    rdm.bl.test A
body           RHS_DOMAINS    eval:check_uridnsbl('RHS_DOMAINS')
tflags         RHS_DOMAINS    net domains_only
urirhsbl       RHS_FULL       full.bl.test A
body           RHS_FULL       eval:check_uridnsbl('RHS_FULL')
tflags         RHS_FULL       net domains_only notrim
uridnsbl       IP_NS          nsip.bl.test A
body           IP_NS          eval:check_uridnsbl('IP_NS')
uridnssub      IP_A           aip.bl.test A 127.0.0.2-127.0.0.20
body           IP_A           eval:check_uridnsbl('IP_A')
tflags         IP_A           net a
uridnsbl       IP_BOTH        both.bl.test A
body           IP_BOTH        eval:check_uridnsbl('IP_BOTH')
tflags         IP_BOTH        net a ns
urinsrhsbl     NSRHS          nsrhs.bl.test A
body           NSRHS          eval:check_uridnsbl('NSRHS')
urinsrhssub    NSRHS_SUB      nsrhs.bl.test A 10
body           NSRHS_SUB      eval:check_uridnsbl('NSRHS_SUB')
urifullnsrhsbl FULLNS         fns.bl.test A
body           FULLNS         eval:check_uridnsbl('FULLNS')
urifullnsrhssub FULLNS_SUB    fns.bl.test A 127.0.0.2
body           FULLNS_SUB     eval:check_uridnsbl('FULLNS_SUB')
uridnsbl_skip_domain          google.com example.org sourceforge.net
askdns ASK_AUTHOR    _AUTHORDOMAIN_.au.bl.test A /^127\.0\.0\.\d+$/
askdns ASK_SENDER    _SENDERDOMAIN_.se.bl.test. A 127.0.0.2-127.0.0.16
askdns ASK_ANY       _SENDERDOMAIN_ A
askdns ASK_TXT       _SENDERDOMAIN_ TXT /^v=spf1/
askdns ASK_TEXT      _AUTHORDOMAIN_.te.bl.test TXT "listed"
askdns ASK_MX        _AUTHORDOMAIN_ MX /^\d+ mx\./
askdns ASK_HELO      _LASTEXTERNALHELO_ A /./
askdns ASK_RDNS      _LASTEXTERNALRDNS_ AAAA /^2001:db8::/
askdns ASK_REV       _LASTEXTERNALREVIP_.rev.bl.test A 6
askdns ASK_PTR       _LASTEXTERNALIP_ PTR /host\d+/
askdns ASK_NX        _AUTHORDOMAIN_.nx.bl.test A [NXDOMAIN]
askdns ASK_RCODES    _AUTHORDOMAIN_.rc.bl.test A [ServFail, 0]
askdns ASK_TWO       _AUTHORDOMAIN_._LASTEXTERNALREVIP_.two.bl.test A /^127\./
askdns ASK_HEADER    _HEADER(List-Id:host)_.hd.bl.test A
askdns ASK_URI       _URIDOMAINS_.ud.bl.test A 127.0.0.0/255.0.0.0
askdns ASK_HOSTS     _URIHOSTS_.uh.bl.test A 127.0.0.8/255.255.255.255
askdns ASK_FIXED     fixed.name.bl.test A
askdns ASK_ASN       _ASN_.asked.bl.test A
askdns ASK_NOTHING   _NOSUCHTAG_.nothing.bl.test A
asn_lookup asn.asn.bl.test _ASN_ _ASNCIDR_
asn_lookup two.asn.bl.test _OWNASN_ _OWNCIDR_
header ASN_IS        eval:check_asn('/\bAS1103\b/')
header ASN_OWN       eval:check_asn('/15169/', 'OWNASN')
hashbl_acl_mine      aol.com yahoo.com gmail.com
hashbl_ignore        nobody@example.com image/gif
hashbl_email_domain_alias gmail.com googlemail.com
header HASH_EMAILS   eval:check_hashbl_emails('em.bl.test', 'sha1/notag/noquote/max=100')
header HASH_DEFAULT  eval:check_hashbl_emails('emd.bl.test')
header HASH_FROM     eval:check_hashbl_emails('emf.bl.test/A', 'md5/nodot/max=50', 'From/Reply-To/Sender', '^127\.0\.0\.\d+$')
header HASH_ACL      eval:check_hashbl_emails('ema.bl.test', 'sha256/case/max=50', 'ALL', '^127\.', 'mine')
header HASH_DOMAIN   eval:check_hashbl_emails('emo.bl.test', 'domain/max=100', 'ALLFROM/X-None')
header HASH_USER     eval:check_hashbl_emails('emu.bl.test', 'sha256/user/max=100', 'ALLFROM/X-None')
header HASH_QUOTE    eval:check_hashbl_emails('emq.bl.test', 'sha1/noquote/max=100', 'body')
header HASH_TXT      eval:check_hashbl_emails('emt.bl.test/TXT', 'sha1/max=100', 'ALLFROM/X-None')
header HASH_URIS     eval:check_hashbl_uris('ur.bl.test', 'sha256/max=100')
header HASH_URIS_C   eval:check_hashbl_uris('urc.bl.test', 'md5/case/max=100', '^127\.0\.0\.')
body   HASH_BODY     eval:check_hashbl_bodyre('bo.bl.test', 'sha1/max=100', '\b((?:\d[ -]?){7,12})\b')
body   HASH_NUM      eval:check_hashbl_bodyre('bn.bl.test', 'sha1/num/max=100', '(\$\d[\d,.]+)', '^127\.0')
body   HASH_CASE     eval:check_hashbl_bodyre('bc.bl.test', 'sha256/case/max=100', '\b([A-Z]{6,})\b')
header HASH_TAG      eval:check_hashbl_tag('tg.bl.test', 'sha1/max=100', 'AUTHORDOMAIN')
header HASH_TAG_IP   eval:check_hashbl_tag('ti.bl.test', 'raw/ip/revip', '_LASTEXTERNALIP_')
header HASH_TAG_TRIM eval:check_hashbl_tag('tt.bl.test', 'sha1/trim/max=100', 'LASTEXTERNALRDNS')
body   HASH_PARTS    eval:check_hashbl_attachments('at.bl.test', 'sha256/minsize=10/max=100')
body   HASH_PARTS_5  eval:check_hashbl_attachments('a5.bl.test', 'md5/max=100', '^127\.')
dns_query_restriction deny  no.rhs.bl.test com.full.bl.test
dns_query_restriction allow example.com.full.bl.test
"""
SPF = "".join(f"header SPF_{name.upper()} eval:check_for_spf_{name}()\n" for who in ("", "helo_") for name in
              (who + word for word in ("pass", "neutral", "none", "fail", "softfail", "permerror", "temperror")))
AUTH = SPF + r"""
header SPF_NOENV     eval:check_spf_skipped_noenvfrom()
header SPF_WL        eval:check_for_spf_welcomelist_from()
header SPF_DEF_WL    eval:check_for_def_spf_welcomelist_from()
full   DKIM_SIGNED   eval:check_dkim_signed()
full   DKIM_SIGNED_X eval:check_dkim_signed('example.com', '*.example.net')
full   DKIM_VALID    eval:check_dkim_valid()
full   DKIM_VALID_X  eval:check_dkim_valid('.example.com', 'other.example')
full   DKIM_AUTHOR   eval:check_dkim_valid_author_sig()
full   DKIM_AUTHOR_X eval:check_dkim_valid_author_sig('*.example.com')
full   DKIM_ENVELOPE eval:check_dkim_valid_envelopefrom()
full   DKIM_DEPEND   eval:check_dkim_dependable()
header DKIM_TESTING  eval:check_dkim_testing()
header ADSP_N        eval:check_dkim_adsp('N')
header ADSP_A        eval:check_dkim_adsp('A')
header ADSP_D        eval:check_dkim_adsp('D')
header ADSP_1        eval:check_dkim_adsp('1')
header ADSP_ALL      eval:check_dkim_adsp('*')
header ADSP_X        eval:check_dkim_adsp('*', '.example.com', 'other.example')
header ADSP_SIGNALL  eval:check_dkim_signall()
full   ARC_SIGNED    eval:check_arc_signed()
full   ARC_VALID     eval:check_arc_valid()
header DKIM_WL       eval:check_for_dkim_welcomelist_from()
header DKIM_DEF_WL   eval:check_for_def_dkim_welcomelist_from()
askdns ASK_DKIM      _DKIMDOMAIN_.dk.bl.test A /^127\./
askdns ASK_SELECTOR  _DKIMSELECTOR_._DKIMDOMAIN_.ds.bl.test A /^127\./
adsp_override        sub.example.com discardable
adsp_override        *.example.net custom_low
adsp_override        other.example
welcomelist_from_spf     *@sub.example.com a?c@example.com
def_welcomelist_from_spf bob@* *@*.example.net
welcomelist_auth         alice@other.example
def_welcomelist_auth     *@example.org
welcomelist_from_dkim    bob@example.com
welcomelist_from_dkim    *@example.net *.example.com
welcomelist_from_dkim    *@news.example.net signer.example
def_welcomelist_from_dkim *@*.example.net x@example.net
def_welcomelist_from_dkim alice@sub.example.com
trusted_networks         10. 192.168.
internal_networks        10.
"""
# Rules that capture, and questions with what they took. No two of one kind capture under one name: SpamAssassin takes any of them first.
CAPTURES = r"""
header __CAP_DAY     Date =~ /\b(?<DAY>Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b/
body   __CAP_DAY_2   /\b(?<DAY>monday|friday|today)\b/i
body   __CAP_WORDS   /\b(?<WORD>[a-z]{9,14})\b/
tflags __CAP_WORDS   multiple maxhits=15
uri    __CAP_URI     m{^https?://(?<LINKED>[a-z0-9.-]+)}
tflags __CAP_URI     multiple
rawbody __CAP_RAW    /<(?<ELEMENT>[a-z]{2,8})\b(?<REST> [a-z]+)?/
tflags __CAP_RAW     multiple maxhits=10
full   __CAP_FULL    /boundary="?(?<BOUND>[A-Za-z0-9]{4,20})/
header __CAP_TWO     Subject =~ /(?<ONE>[a-z]{4,})\W+(?<TWO_2>[a-z]{4,})/
mimeheader __CAP_MIME Content-Type =~ /^(?<MAJOR>[a-z]{3,})\/(?<MINOR>[a-z]{3,})/
tflags __CAP_MIME    range=2-
mimeheader __CAP_TEXT Content-Transfer-Encoding =~ /(?<CODED>[0-9a-z]{4,})/
tflags __CAP_TEXT    concat multiple
askdns ASK_MAJOR     _MAJOR_.major.bl.test A /^127\./
askdns ASK_MINOR     _MINOR_._MAJOR_.minor.bl.test A /^127\./
askdns ASK_CODED     _CODED_.coded.bl.test A /^127\./
askdns ASK_DAY       _DAY_.day.bl.test A /^127\./
askdns ASK_WORD      _WORD_.word.bl.test A /^127\.0\.0\./
askdns ASK_LINKED    _LINKED_.linked.bl.test A /^127\./
askdns ASK_ELEMENT   _ELEMENT_.element.bl.test A /^127\./
askdns ASK_BOUND     _BOUND_.bound.bl.test A /^127\./
askdns ASK_BOTH      _TWO_2_._ONE_.both.bl.test A /^127\./
askdns ASK_MIXED     _ONE_._AUTHORDOMAIN_.mixed.bl.test TXT
askdns ASK_NONE      _NOBODY_.none.bl.test A
header HASH_WORD     eval:check_hashbl_tag('hw.bl.test', 'md5/max=100', 'WORD')
"""
SETS = {
    "captures": CAPTURES,
    "auth": AUTH,
    "kinds": KINDS,
    # All rules on addresses in the body have the same options: SpamAssassin keeps what the first rule found, and which is first is
    # a matter of chance. So is, for rules on ALLFROM alone, whether they pass over the recipients.
    "trusted": re.sub(r"header HASH_DEFAULT .*\n", "", KINDS.replace("noquote", "nouri")) + "trusted_networks 192.168. 10. 64. 66.0.0.0/8 193. 212.\ninternal_networks 192.168. 10. 193.\n"
               "originating_ip_headers X-Originating-IP X-Yahoo-Post-IP\nasn_prefix ''\n",
}


def stock():
    """Debian's rules of lists, as they are: files whole, and askdns lines with their scores."""
    texts = []
    for name in ("20_dnsbl_tests.cf", "20_mailspike.cf", "25_dnswl.cf", "25_uribl.cf"):
        with open(os.path.join(RULES, name), encoding="latin-1") as f:
            texts.append(f.read())
    with open(os.path.join(RULES, "72_active.cf"), encoding="latin-1") as f:
        texts += [line for line in f if re.match(r"\s*askdns\s", line)]
    # What dns_block_rule remembers, SpamAssassin keeps in files for the next message.
    return re.sub(r"(?m)^\s*dns_block_rule\s.*$", "", "\n".join(texts)) + "\n"


def settings(name, text, more=()):
    """The folder of a rule set."""
    folder = os.path.join(CACHE, f"net-{name}-{hashlib.sha256(text.encode('latin-1')).hexdigest()[:16]}")
    if not os.path.isdir(folder):
        made = f"{folder}.{os.getpid()}"
        os.makedirs(os.path.join(made, "rules"))
        os.makedirs(os.path.join(made, "site"))
        shutil.copy(os.path.join(RULES, "20_aux_tlds.cf"), os.path.join(made, "rules"))
        with open(os.path.join(made, "site", "init.pre"), "w", encoding="latin-1") as f:
            f.writelines(f"loadplugin Mail::SpamAssassin::Plugin::{plugin}\n" for plugin in (*PLUGINS, *more))
        with open(os.path.join(made, "rules", "50_net.cf"), "w", encoding="latin-1") as f:
            f.write(text)
        os.rename(made, folder)
    return folder


def oracle(folder, files, port, *more):
    """SpamAssassin's answers, from the cache where nothing has changed."""
    key = hashlib.sha256(folder.encode())
    for path in (os.path.join(HERE, "spam_net.pl"), os.path.join(HERE, "spam_net_server.py"), *files):
        with open(path, "rb") as f:
            key.update(f.read())
        key.update(os.path.basename(path).encode())
    kept = os.path.join(CACHE, f"spam_net-{key.hexdigest()[:32]}")
    if not os.path.exists(kept):
        made = f"{kept}.{os.getpid()}"
        with open(made, "wb") as out:
            subprocess.run(["perl", os.path.join(HERE, "spam_net.pl"), folder, str(port), *more], input="".join(f + "\n" for f in files).encode(),
                           stdout=out, stderr=subprocess.DEVNULL, check=True)
        os.rename(made, kept)
    with open(kept, "rb") as f:
        return [json.loads(line) for line in f]


def driven(build, folder, files, port, *more):
    """Our answers."""
    driver = os.path.join(build, "tests", "parity", "spam_net_driver")
    done = subprocess.run([driver, folder, str(port), *more], input="".join(f + "\n" for f in files).encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(question):
    """Names that we can ask for: octets that need no escapes (dns.h)."""
    return not re.search(r"[^!-~]|[\\\"]", question) and not question.startswith("SOA/")


def is_cut(theirs):
    """Whether there was more to ask than a rule may: SpamAssassin takes some at random."""
    zones = collections.Counter(question[-11:] for question in theirs["asked"] if question.endswith(".bl.test"))
    return theirs["hosts"] > 20 or any(number >= (10 if zone.startswith("emd") else 100) for zone, number in zones.items())


def difference(theirs, ours):
    out = []
    one, other = ({q for q in side["asked"] if plain(q)} for side in (theirs, ours))
    if one != other:
        out.append(f"asked more: {sorted(other - one)[:4]} less: {sorted(one - other)[:4]}")
    # What only they can ask for may hit.
    if theirs["hits"] != ours["hits"] and all(plain(q) for q in theirs["asked"]):
        more = {rule: times for rule, times in ours["hits"].items() if theirs["hits"].get(rule) != times}
        less = {rule: times for rule, times in theirs["hits"].items() if ours["hits"].get(rule) != times}
        out.append(f"hits more: {more} less: {less}")
    return "; ".join(out) or None


def compared(build, name, rules, files):
    folder = settings(rules, SETS[rules] if rules in SETS else stock(), {"auth": ["SPF", "DKIM"], "captures": ["MIMEHeader"]}.get(rules, []))
    server = spam_net_server.Server()
    try:
        asked = oracle(folder, files, server.port)
        answers = driven(build, folder, files, server.port, *(["scan"] if rules == "captures" else []))
    finally:
        server.close()
    assert len(asked) == len(answers) == len(files), f"{name}: {len(files)} files, {len(asked)} lines, {len(answers)} answers"
    failures, total = [], 0
    for theirs, ours in zip(asked, answers):
        if is_cut(theirs):
            continue
        total += 1
        found = difference(theirs, ours)
        if found:
            failures.append(f"{theirs['path']}: {found}")
    return f"spam-net-{rules}-{name}", total - len(failures), total, failures


def mutants(corpus, every):
    rng = seeded(31)
    paths = [path for group in GROUPS for path in files_of(corpus, group, 11)]
    out = []
    for _ in range(MUTANTS // min(every, 4)):
        with open(rng.choice(paths), "rb") as f:
            data = f.read(100000)
        head, blank, body = data.partition(b"\n\n")
        for _ in range(3):
            head = mutated(head, rng)
        out.append(head + blank + mutated(body, rng))
    return written(os.path.join(CACHE, "net-mutants"), out)


DOMAINS = ["example.com", "sub.example.com", "example.net", "news.example.net", "a.example.net", "other.example", "example.org", "x.test", "signer.example"]
USERS = ["alice", "bob", "abc", "Alice", "news"]
RESULTS = ["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]


def trusted_field(rng):
    """A field of an internal host on SPF, or something like one."""
    word, who = rng.choice(RESULTS + ["hardfail", "unknown", "Pass"]), rng.choice(["mfrom", "mailfrom", "helo", "pra", "HELO"])
    return rng.choice([
        f"Received-SPF: {word} (x.example: domain of a@b.example) client-ip=1.2.3.4; identity={who}; helo=x",
        f"Received-SPF: {word} (x.example: 1.2.3.4 is authorized) identity={who}",
        f"Received-SPF: {word}",
        f"received-spf:   {word} identity={who};",
        f"Authentication-Results: mx.example; spf={word} smtp.{who}=a@b.example",
        f"Authentication-Results: mx.example; dkim=pass header.d=x.example; SPF = {word} (comment) smtp.{who}=b.example; dmarc=none",
        f"Authentication-Results: mx.example; spf={word}",
        f"ARC-Authentication-Results: i=1; mx.example; spf={word} smtp.{who} = b.example",
        f"Authentication-Results: mx.example; spf={word} smtp.remote-ip=1.2.3.4 smtp.{who}=x",
        "Received-SPF: ", "Authentication-Results: mx.example; none"])


def auth_message(rng):
    address = f"{rng.choice(USERS)}@{rng.choice(DOMAINS)}"
    sender = rng.choice([address, address, f"{rng.choice(USERS)}@{rng.choice(DOMAINS)}"])
    lines, known = [], rng.random() < 0.3  # SPF by the caller: then no fields, and a sender
    if rng.random() < 0.8:
        lines.append(f"Return-Path: <{sender}>")
    if rng.random() < 0.3 and not known:
        lines += [trusted_field(rng) for _ in range(rng.randint(1, 3))]
    envelope = f" (envelope-from <{sender}>)" if known or rng.random() < 0.5 else ""
    internal = "Received: from mx.inside.example (mx.inside.example [10.0.0.5]) by mail.inside.example (Postfix) with ESMTP id 1; Fri, 1 Jan 2021 00:00:00 +0000"
    if rng.random() < 0.4:
        lines.append(internal)
    if rng.random() < 0.2 and not known:
        lines.append(trusted_field(rng))
    lines.append(f"Received: from helo.{rng.choice(DOMAINS)} (host.example.com [198.51.100.{rng.randint(1, 250)}]){envelope} by mx.inside.example (Postfix) with ESMTP id 2; "
                 "Fri, 1 Jan 2021 00:00:00 +0000")
    if rng.random() < 0.2:
        lines.append(trusted_field(rng))
    if known:
        lines.append(f"X-Test-SPF: {rng.choice(RESULTS)}")
        lines.append(f"X-Test-SPF-Helo: {rng.choice(RESULTS)}")
    # Without results of a caller SpamAssassin would verify on its own.
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        domain = rng.choice(DOMAINS + [address.partition("@")[2]] * 6)
        identity = rng.choice([f"@{domain}", f"@{domain}", f"x@sub.{domain}", f"x@{rng.choice(DOMAINS)}"])
        lines.append(f"X-Test-DKIM: d={domain} i={identity} s={rng.choice(['sel', 's2', 'x.y'])} r={rng.choice(['pass', 'pass', 'pass', 'fail', 'timedout', 'invalid'])} "
                     f"bits={rng.choice([512, 1024, 2048])}".replace("r=timedout", "r=timed") + rng.choice(["", "", "", " expired=1"]))
    if rng.random() < 0.2:
        lines.append(f"X-Test-ARC: d={rng.choice(DOMAINS)} i=@x s=a r={rng.choice(['pass', 'fail'])}")
    second = f", <bob@{rng.choice(DOMAINS)}>" if rng.random() < 0.1 else ""
    lines.append(f"From: Some One <{address}>{second}")
    return ("\n".join(lines + ["To: me@inside.example", "Subject: x", "", "text", ""])).encode()


def auth_messages(every):
    rng = seeded(32)
    return written(os.path.join(CACHE, "net-auth"), [auth_message(rng) for _ in range(AUTH_MESSAGES // min(every, 10))])


def run(build, corpus, every=1):
    """[(stage, same, total, differing files)]; [] where there is no SpamAssassin or no corpus."""
    if not os.path.isdir(RULES) or not os.path.isdir(corpus):
        return []
    os.makedirs(CACHE, mode=0o700, exist_ok=True)
    results = []
    for rules in ("kinds", "captures", "trusted", "stock"):
        results += [compared(build, group, rules, files_of(corpus, group, every)) for group in GROUPS]
    results.append(compared(build, "mutants", "kinds", mutants(corpus, every)))
    results.append(compared(build, "generated", "auth", auth_messages(every)))
    return results


if __name__ == "__main__":
    from spam_uris import report
    report(run)
