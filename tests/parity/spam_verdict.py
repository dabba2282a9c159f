"""What a scan's result becomes: rewritten messages and reports, SpamAssassin's against ours, byte for byte.

spam_verdict.pl scans each message with a few rules under each of the configurations below, makes up more hits, and prints what it was given
and what it wrote; spam_verdict_driver writes the same from the same. By hand: spam_verdict.py [every]."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import spam_oracle

DEFAULTS = "/usr/share/spamassassin/10_default_prefs.cf"  # the templates, as admins have them
RULES = r"""
loadplugin Mail::SpamAssassin::Plugin::Check
header A_TEST Subject =~ /e/i
describe A_TEST The subject has an e
score A_TEST 1.5
header A_LONG_NAME_OF_A_TEST_THAT_GOES_ON From =~ /./
describe A_LONG_NAME_OF_A_TEST_THAT_GOES_ON A description that needs more than one line, since it is about nothing and has no end
score A_LONG_NAME_OF_A_TEST_THAT_GOES_ON 0.25
body B_TEST /the/i
score B_TEST 2
body B_CHINESE /\xe7\x9a\x84/
describe B_CHINESE 这封邮件包含一个很常见的汉字 这封邮件包含一个很常见的汉字 这封邮件包含一个很常见的汉字
score B_CHINESE -1.125
rawbody R_TEST /<b/i
describe R_TEST 0
score R_TEST 11.5
uri U_TEST /./
describe U_TEST A  description   with more  blanks  than there ought to be between its many words ,  I think
score U_TEST 0.001
full F_TEST /Content-Type/
describe F_TEST LongWordThatDoesNotFitIntoAnyLineWhateverTheWidthOfTheLineMayBeBecauseItIsLongerThanAll x y
score F_TEST 0.4
header __S_ONE exists:Received
header __S_TWO To =~ /@/
body __S_MANY /a/
tflags __S_MANY multiple maxhits=5
meta M_TEST __S_ONE && A_TEST
describe M_TEST A meta
score M_TEST 3
tflags B_TEST nolog
header Z_LOG Date =~ /./
tflags Z_LOG nolog
score Z_LOG 1
"""
ALL_TAGS = r"""
clear_headers
add_header all Scores s=_SCORE_ 0=_SCORE(0)_ 00=_SCORE(000)_ b=_SCORE(  )_ x=_SCORE(x)_ h=_HITS_ r=_REQD_
add_header all Names _TESTS_ _TESTS( )_ _TESTS(, )_ _TESTS(0)_ _TESTS()_
add_header all Names-Scores _TESTSSCORES_ / _TESTSSCORES(;)_
add_header all Subs _SUBTESTS_ / _SUBTESTS(|)_ / _SUBTESTSCOLLAPSED_ / _SUBTESTSCOLLAPSED( )_
add_header all Stars _STARS_ _STARS(x)_ _STARS(-=)_ _STARS()_
add_header all Yes _YESNO_ _YESNO(y,n)_ _YESNO(y)_ _YESNO(,n)_ _YESNO()_ _YESNO(a,b,c)_ _YESNOCAPS_ _YESNOCAPS(ja,nein)_
add_header all This _VERSION_ _SUBVERSION_ _HOSTNAME_ _CONTACTADDRESS_ _DATE_ _RULESVERSION_.
add_header all Bayes _BAYES_ _AUTOLEARN_ _AUTOLEARNSCORE_
add_header all Relays "_RELAYSTRUSTED_\n_RELAYSUNTRUSTED_  \n  _RELAYSINTERNAL_\t_RELAYSEXTERNAL_\\x\n"
add_header all Last _LASTEXTERNALIP_ _LASTEXTERNALREVIP_ _LASTEXTERNALRDNS_ _LASTEXTERNALHELO_ _FIRSTTRUSTEDIP_ _FIRSTTRUSTEDREVIP_
add_header all Remote _REMOTEHOSTNAME_ [_REMOTEHOSTADDR_] _AUTHORDOMAIN_
add_header all From "_HEADER(From)_"
add_header all From-Addr <_HEADER(From:addr)_> _HEADER(X-Nothing)_. _HEADER()_ _HEADER(To:name)_
add_header all Subject _HEADER(Subject)_
add_header all Raw _HEADER(Subject:raw)_ 0
add_header all Odd _NOSUCH_ _nosuch_ __TESTS__ _TESTS_X_ _X_TESTS_ _TESTS(_)_ _TESTS(a)b)_ _TESTS( _ADDEDHEADER_ 100_PYZOR_% _RBL_._ASN_ _A_B_C _Z(x_ _SCORE_SCORE_
add_header all Made _MADEUP_ _CAPTURED_ d\xc3\xa9j\xc3\xa0, _MADEUP(x)_,_MADEUP_,_MADEUP_,,_MADEUP_ _CAPTURED_
add_header spam Report _REPORT_
add_header ham Summary _SUMMARY_
add_header all Preview _PREVIEW_
add_header all Prefix [_SUBJPREFIX_]
add_header all Empty "_NOSUCH_" 
add_header all Void "_PYZOR_"
add_header all Words aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbb  cccc,dddd,,  eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee f
"""
CONFIGURATIONS = {
    "defaults": "",
    "headers": "report_safe 0\nrequired_score 0.1\n",
    "ham": "report_safe 0\nrequired_score 50\nrewrite_header Subject [_SCORE_]\nsubjprefix A_TEST [E _TESTS_]\nsubjprefix B_TEST [THE]\n",
    "tags": "report_safe 0\nrequired_score 3\n" + ALL_TAGS,
    "unfolded": "report_safe 0\nrequired_score 3\nfold_headers 0\n" + ALL_TAGS,
    "rewrite": "report_safe 0\nrequired_score 0.1\nrewrite_header Subject *****SPAM***** _SCORE_\nrewrite_header From SPAM (_STARS(+)_)\n"
               "rewrite_header To _HEADER(From)_ _REQD_\nsubjprefix A_TEST [E]\nsubjprefix M_TEST re(ceived)\nadd_header all Subjprefix _SUBJPREFIX_\n",
    "wrapped": "report_safe 1\nrequired_score 0.1\nrewrite_header Subject *****SPAM*****\nrewrite_header From SPAM _SCORE(00)_\nrewrite_header To\n"
               "rewrite_header To [SP\xc3\x84M]\nreport_safe_copy_headers Received X-Mailer List-Id\nreport_safe_copy_headers received Subject DKIM-Signature\n"
               "subjprefix A_TEST [E]\n",
    "text": "report_safe 2\nrequired_score 0.1\nreport_wrap_width 50\nreport_contact me@example.test (_DATE_)\nreport_hostname other.example.test\n"
            "report_charset iso-8859-1\nunsafe_report _TESTS_ _SUMMARY_\n" + ALL_TAGS,
    "template": "report_safe 1\nrequired_score 2\nclear_report_template\nreport\nreport \" _ADDEDHEADERHAM_ _ADDEDHEADERSPAM(x)_ _ADDEDHEADERHAM()_\"\n"
                "report _PREVIEW_ | _REPORT_ | _TESTS_\nreport\nreport\nclear_unsafe_report_template\nremove_header spam Flag\nremove_header all level\n",
    "empty": "report_safe 1\nrequired_score 0.1\nclear_report_template\nclear_headers\nclear_unsafe_report_template\n",
}
MESSAGES = [
    b"", b"\n", b"x", b"\n\n\n", b"Subject: e", b"Subject: e\n", b"From: a\nTo: b\n", b"From: a@b.c\n bb\nTo: b\n\tc\nSubject: one\n two\n\nbody the\n",
    b"Subject: [E] *****SPAM***** 5.0 *****spam***** x\nX-Spam-Flag: YES\n yes\nx-spam-prev-subject: y\nX-Spam-Previous: z\nX-SPAM-\n\tx\nTo: a\n\nthe\n",
    b"Return-Path: <a>\n (c)\n\tx\nX-Spam-Status: No\nreturn-path: <b>\nSubject:e\nsubject :f\nSUBJECT: \nFrom:\nTO:   \t  x\n\n<b>the</b>\n",
    b"From x@y Mon Jan  1 00:00:00 2024\nSubject: e\nMessage-ID: <1@x>\nCc: c\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\nthe\n",
    b"X-Spam-A: b\n c\n", b"X-Spam-A: b", b" X: y\nSubject: e\n\n", b"Received: from x\n by y\nReceived: from z\nX-Mailer: m\nX-Mailer: n\nList-Id: <l>\nSubject: e\n\nthe",
    b"Subject: \xe9\xc3\xa9 =?utf-8?Q?=C3=A9_\xc3?= x\nFrom: \"\xe4\xb8\xad\" <a@b.c>\nContent-Type: text/html\n\n\xe4\xb8\xad\xe7\x9a\x84<b>the</b>\n",
    b"Subject: e\nContent-Type: TEXT/Plain\n\n----------- the -----Original Message----- x\n****____....----\n" + b"word " * 200 + b"\n\n" + b"x" * 500 + b"\n",
    b"Subject: e\nbad line\nworse\nTo: x\n--b\nthe body\n", b"Subject: e\n \nTo: y\n \t \nbody\n", b"Subject: e\n\n----------=_6B0B7F76.00000001\n",
    b"Subject: a\0b\nFrom: \0\n\n\0the\0\n", b"Subject:\n e\n the\nFrom:\n\tx\n\nthe This is a multi-part message in MIME format. end\n",
]


def available():
    return shutil.which("perl") is not None and os.path.exists(DEFAULTS)


def folders(under):
    """The configurations as folders of rule files, in a place that is the same for the same text."""
    out = []
    for name, text in CONFIGURATIONS.items():
        folder = os.path.join(under, name)
        os.makedirs(folder, exist_ok=True)
        shutil.copy(DEFAULTS, folder)
        with open(os.path.join(folder, "20_rules.cf"), "wb") as f:
            f.write(RULES.encode() + text.encode("latin-1"))
        out.append(folder)
    return out


def oracle(files, rules):
    script = os.path.join(spam_oracle.HERE, "spam_verdict.pl")
    key = hashlib.sha256(repr((RULES, CONFIGURATIONS, rules)).encode())
    for path in (script, *files):
        with open(path, "rb") as f:
            key.update(path.encode() + f.read())
    kept = os.path.join(spam_oracle.CACHE, f"spam_verdict-{key.hexdigest()[:32]}")
    os.makedirs(spam_oracle.CACHE, mode=0o700, exist_ok=True)
    if not os.path.exists(kept):
        made = f"{kept}.{os.getpid()}"
        with open(made, "wb") as out:
            subprocess.run(["perl", script, *rules], input="".join(f + "\n" for f in files).encode(), stdout=out,
                           stderr=subprocess.DEVNULL, check=True)
        os.rename(made, kept)
    with open(kept, "rb") as f:
        return f.read().split(b"\n")[:-1]


def difference(want, got):
    same = len(os.path.commonprefix([want, got]))
    return f"at {same}: SpamAssassin {want[max(0, same - 60):same + 100]!r} ours {got[max(0, same - 60):same + 100]!r}"


def compare(build, group, files, rules):
    """(stage, same, total, failures) for each configuration."""
    tally = {}
    lines = oracle(files, rules)
    for line, answer in zip(lines, spam_oracle.driven(build, "spam_verdict_driver", lines), strict=True):
        want, got = json.loads(line), json.loads(answer)
        counts = tally.setdefault(os.path.basename(want["rules"]), [0, 0, []])
        counts[1] += 1
        wrong = [key for key in ("rewritten", "report") if want[key] != got[key]]
        if not wrong:
            counts[0] += 1
        else:
            counts[2].append(f"{want['file']}: {wrong[0]} " + difference(*(base64.b64decode(x[wrong[0]]) for x in (want, got))))
    return [(f"spam-verdict-{name}/{group}", *counts) for name, counts in tally.items()]


def run(build, corpus, every=1):
    if not available():
        return []
    under = os.path.join(tempfile.gettempdir(), f"postern-spam-verdict-{os.getuid()}")
    rules = folders(os.path.join(under, "rules"))
    groups = {group: spam_oracle.files_of(corpus, group, every) for group in spam_oracle.GROUPS}
    rng = spam_oracle.seeded()
    sources = [f for files in groups.values() for f in files[::3]]
    spoilt = []
    for path in sources[:300]:
        with open(path, "rb") as f:
            head, _, body = f.read(40000).partition(b"\n\n")
        spoilt.append(spam_oracle.mutated(head, rng) + b"\n\n" + body)
    small = [m for message in MESSAGES for m in (message, message.replace(b"\n", b"\r\n"))]
    small += [spam_oracle.mutated(rng.choice(small), rng) for _ in range(300)]
    groups["spoilt"] = spam_oracle.written(os.path.join(under, "spoilt"), spoilt)
    groups["small"] = spam_oracle.written(os.path.join(under, "small"), small)
    return [result for group, files in groups.items() if files for result in compare(build, group, files, rules)]


def main():
    build = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(spam_oracle.HERE, "..", "..", "build")))
    corpus = os.path.abspath(os.environ.get("POSTERN_CORPUS", os.path.join(spam_oracle.HERE, "..", "..", "..", "shared", "corpus")))
    for stage, same, total, failures in run(build, corpus, int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(f"parity {stage} share={100 * same / max(total, 1):.2f} goal=100 same={same} total={total}")
        for failure in failures[:4]:
            print(f"  differs: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
