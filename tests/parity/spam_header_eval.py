"""Stage "header-eval": the eval functions of header rules, with the arguments of the default rules and some more, against
SpamAssassin's own."""
import collections
import json
import os

import spam_oracle as oracle

SHOWN = 12
# Fields that the functions look for, in forms that they know and in others; messages are made of some of each.
FIELDS = {
    b"From": [b"a@yahoo.com", b"b@hotmail.com", b"c@gmail.com", b"d@juno.com", b"e@eudoramail.com", b"f@reply.yahoo.com",
              b'"Some One" <x.y@z.example>', b"=?iso-2022-jp?B?GyRC?= <a@sub.b.co.uk>", b"=?gb2312?q?x?= <a@a.b.com>",
              b"\xe9\xe8 <g@hotmail.com>", b"undisclosed", b"<@x>", b"h@yahoo.com.example"],
    b"To": [b"a@b.com", b"<list@groups.msn.com>", b"<notifications@groups.msn.com>", b"a@x.com, ab@xy.com, abc@xz.com, abd@x.com, abe@xw.com",
            b"a@x, b@x, c@x, d@x, e@x, f@x, g@x", b"Re <re@fw.com>", b"user@domain.com", b"", b"0, a@b"],
    b"Cc": [b"aa@x.com, ab@x.com, ac@y.com", b"zz@z.com", b"user@domain.com, user@domain.com"],
    b"Bcc": [b"q@q.com, r@r.com, s@s.com", b"0"],
    b"Apparently-To": [b"x@y", b""],
    b"Subject": [b"RE: FREE MONEY TODAY", b"Fwd: Re: HELLO WORLD AGAIN", b"short", b"ONEWORDSUBJECTALONE", b"user: hello", b"re: user",
                 b"re: dear user", b"user", b", user!", b"USER,", b"user !x", b"about user@domain.com now", b"=?koi8-r?B?8PLp7eXy?= ABC DEF GHI",
                 b"=?big5?Q?A?=", b"\xa3 100", b"\xa3\xa3 100", b"na\xc3\xafve", b"\x01\x02\x03 abc", b"%FIRST_NAME", b"\xe4\xf6\xfc\xe4\xf6\xfc"],
    b"Date": [b"Tue, 25 Mar 2003 11:42:04 -0500", b"25 Mar 2003 11:42:04 EST", b"Tue Mar 25 11:42:04 2003", b"31 Feb 2003 25:61:61 GMT",
              b"29 Feb 2040 1:02:03 +0000", b"1 Jan 70 00:00:01 +0900", b"0 Mar 2003 1:1:1", b"12 dec 103 10:20:30 PST8PDT", b"now",
              b"Mon, 3 Mar 2014 09:00 (MESZ)", b"25 Mar 2103 11:42:04 -0500", b"1 Jan 50 10:10:10 UT", b"25 Mar 2003 11:42:04 GMT-DST"],
    b"Resent-Date": [b"Thu, 27 Mar 2003 11:42:04 -0500", b"never"],
    b"Message-Id": [b"<000a01c2f2ee$0d1e2f30$0100a8c0@host>", b"<000b01c2f2ee$0d1e2f30$0100a8c0>", b"<list-12@groups.msn.com>",
                    b"<x@p05.groups.msn.com>", b"<ABCDEFGHIJKLMNOPQRSTUVWXYZAB.x.y@z.example>", b"<1@2>"],
    b"Return-Path": [b"<a@yahoo.com>", b"<list-bounce@groups.msn.com>", b"<b.com.a@bulk.example>", b"<b.com=a@bulk.example>", b"<>",
                     b"<x@a.b.co.uk>", b"<SRS0=x@b>", b"<c@mx.gmail.com>", b"<list@sourceforge.net>"],
    b"X-Originating-Ip": [b"[1.2.3.4]", b"none"], b"X-OriginatorOrg": [b"hotmail.com", b"x.msonline-outlook.com", b"other"],
    b"X-Sender-Ip": [b"5.6.7.8", b"?"], b"X-Mailer": [b"Juno 5.0.15", b"Webmail Version 4", b"other"],
    b"X-Gm-Message-State": [b"A" * 60, b"A" * 59], b"X-Google-Smtp-Source": [b"B" * 60, b"B" * 10],
    b"X-Received": [b"by 10.1.2.3 with SMTP id abc; Mon", b"by 2002:a05:6402:3:: with SMTP id x",
                    b"from x by web1.mail.mud.yahoo.com via HTTP"],
    b"Mailing-List": [b"contact a@b; run by ezmlm", b"contact a@b; run by other"],
    b"Delivered-To": [b"mailing list x@y", b"x@y"], b"Resent-From": [b"a@b"], b"Resent-To": [b"c@d"],
    b"List-Unsubscribe": [b"<mailto:leave-x@y>", b"<mailto:x-unsubscribe@y>", b"<mailto:leave-x@y>, <http://z>"],
    b"Content-Type": [b"text/plain", b"text/html"], b"X-Odd": [b"%FIRST_NAME x", b"100%A-", b"%a", b"\xff\xfe\xfd\x80\x81"],
}
RECEIVED = [
    b"from rly-xw01.mx.aol.com (rly-xw01.mail.aol.com [172.20.116.39]) by omr.mx.aol.com (v83.35) with ESMTP id %s; DATE",
    b"from f135.hotmail.com (f135.law8.hotmail.com [216.33.241.135]) by x.example (Postfix) with ESMTP id 1; DATE",
    b"from x.outbound.protection.outlook.com (y.outbound.protection.outlook.com [40.92.66.56]) by a.b.com (8.1/8.1) with ESMTP id 2; DATE",
    b"from VI1.eurprd04.prod.outlook.com (2603:10a6:802:b::13) by c.d.com with ESMTP id 3; DATE",
    b"from bad (HELO hotmail.com) (1.2.3.4) by e.f.com with SMTP; DATE", b"from mail pickup service by p05.groups.msn.com with Microsoft SMTPSVC; DATE",
    b"from mail pickup service by hotmail.com with Microsoft SMTPSVC; DATE", b"from groups.msn.com (x.msn.com [1.2.3.4]) by d (8.1) with ESMTP id 4; DATE",
    b"from [1.2.3.4] by web1234.mail.mud.yahoo.com via HTTP; DATE", b"from x.y.yahoo.com (x.y.yahoo.com [5.6.7.8]) by trail.example.com (8.1) id 5; DATE",
    b"(qmail 123 invoked from network); 13 Feb 2003 20:59:28 -0000", b"(qmail 123 invoked by uid 500); 13 Feb 2003 20:59:28 -0000",
    b"from localhost [127.0.0.1] by localhost with POP3 (fetchmail-6.2.0) for x; DATE", b"from a ([127.0.0.1]) by b.c.com (8.9) with SMTP id 6; DATE",
    b"from 64.1.2.3 (unknown [65.1.2.3]) by n.o.com (Postfix) with SMTP id 7; DATE", b"from [64.1.2.3] (x.y.de [64.1.2.9]) by n.o.com (Postfix) with SMTP id 8; DATE",
    b"from msn.com (unknown [70.1.2.3]) by hotmail.com (Postfix) with SMTP id 9; DATE", b"from mail3.x.com by gw05 with ESMTP; Thu, 21 Jun 2001 02:28:32 -0400",
    b"from webmail1.untd.com (webmail1.untd.com [1.2.3.4]) by cookie.juno.com id 10; DATE", b"from a.juno.com (b.juno.com [1.2.3.4]) by cookie.juno.com with SMTP id 11; DATE",
    b"from a.whowhere.com (x) by shared1.whowhere.com; DATE", b"from u ([10.1.2.3]) by smtp.googlemail.com with ESMTPSA id x; DATE",
    b"from a (localhost [127.0.0.1]) by p.q.fr (8.9) with ESMTP id 12 (iPlanet Messaging Server); DATE", b"nothing to see", b"from x by y (8.1/CWT/DCE) id z; DATE",
    b"from lists.sourceforge.net (lists.sourceforge.net [66.35.250.206]) by prdownloads.sourceforge.net (8.1) with ESMTP id 13; DATE",
    b"from aol.com (h.big.isp.co.uk [81.2.3.4]) by s.t.co.uk (8.1) with SMTP id 14 envelope-from a@aol.com; DATE",
]
DATES = [b"Tue, 25 Mar 2003 11:42:04 -0500", b"25 Mar 2003 17:10:00 GMT", b"Wed, 26 Mar 2003 11:42:04 -0500 (EST)", b"1 Apr 2003 1:02:03 +0200",
         b"Mon, 24 Mar 2003 01:42:04 JST", b"25 Mar 2004 11:42:04 -0500"]

# Whole heads for functions that want several things at once.
HEADS = [
    b"""Return-Path: <List-bounce@groups.msn.com>
Received: from mail pickup service by p04.groups.msn.com with Microsoft SMTPSVC; Fri, 2 Aug 2002 13:01:30 -0700
Message-Id: <List-1392@groups.msn.com>
From: x@hotmail.com
To: "List Full Name" <List@groups.msn.com>
""",
    b"""Return-Path: <a@b.c>
Received: from mail pickup service by p04.groups.msn.com with Microsoft SMTPSVC; Fri, 2 Aug 2002 13:01:30 -0700
Message-Id: <TK2DCPUBA042cv0aGlt00020aa3@p04.groups.msn.com>
From: x@hotmail.com
To: "Managers" <notifications@groups.msn.com>
""",
    b"""Received: from web1.mail.yahoo.com (web1.mail.yahoo.com [5.6.7.8]) by mta5.mail.yahoo.com (8.12) with ESMTP id x; Fri, 2 Aug 2002 13:01:30 -0700
From: a@yahoo.com
""",
    b"""Received: from lists.sourceforge.net (lists.sourceforge.net [66.35.250.206]) by sc8.sourceforge.net (8.1) with ESMTP id 13; Fri, 2 Aug 2002 13:01:30 -0700
From: a@lists.sourceforge.net
Date: Fri, 2 Aug 2002 23:01:30 -0700
""",
    b"""Return-Path: <domain.com.user@bulk.example.net>
Received: from a.example.net (a.example.net [5.6.7.8]) by mx.domain.com (Postfix) with ESMTP id 99; Fri, 2 Aug 2002 13:01:30 -0700 envelope-from domain.com-user@bulk.example.net
From: "User" <x.y@z.example>
To: user@sub.domain.com, aa@x.com
Message-Id: <ABCDEFGHIJKLMNOPQRSTUVWXYZAB.x.y@z.example>
""",
    b"""Received: from rly-xw01.mx.aol.com (rly-xw01.mail.aol.com [172.20.116.39]) by omr.mx.aol.com (v83.35/AOL-5.0.0) with ESMTP id x; Fri, 2 Aug 2002 13:01:30 -0700
Received: from cabbage.jmason.org [127.0.0.1] by localhost with IMAP (fetchmail-5.9.0) for jm@localhost; Thu, 13 Mar 2003 20:39:56 -0800 (PST)
Date: Thu, 13 Mar 2003 10:39:56 -0800
Message-ID: <000701c2e98c$0d1e2f30$0100a8c0@host>
""",
]


def made(rng):
    """A message of some of the fields."""
    lines = []
    for _ in range(rng.randint(0, 4)):
        value = rng.choice(RECEIVED).replace(b"DATE", rng.choice(DATES)).replace(b"%s", rng.choice([b"RELAYIN7", b"x"]))
        lines.append(b"Received: " + value)
    for name, values in FIELDS.items():
        for _ in range(rng.choice([0, 0, 1, 1, 1, 2]) if name in (b"From", b"To", b"Subject", b"Date") else rng.choice([0, 0, 0, 1])):
            lines.append(name + b": " + rng.choice(values))
    if rng.random() < 0.2:
        rng.shuffle(lines)
    head = b"\n".join(lines) + b"\n"
    return (oracle.mutated(head, rng) if rng.random() < 0.3 else head) + b"\nx\n"


def compared(build, files, hits):
    lines = oracle.answers("spam_header_eval.pl", files)
    ours = oracle.driven(build, "spam_header_eval_driver", lines)
    assert len(ours) == len(files) == len(lines) - 1, f"{len(ours)} {len(files)} {len(lines)}"
    evals = json.loads(lines[0])["evals"]
    same, differing = 0, []
    for theirs, mine in zip(lines[1:], ours):
        case, mine = json.loads(theirs), json.loads(mine)
        for call, result in zip(evals, case["results"]):
            hits["(".join(call[:1]) + repr(tuple(call[1:]))] += result
        faults = [f"{call}: {ours_} not {theirs_}" for call, ours_, theirs_ in zip(evals, mine, case["results"]) if ours_ != theirs_]
        same += not faults
        if faults:
            differing.append(f"{case['file']}: {'; '.join(faults)}")
    return same, len(files), differing


def mutants(corpus, every, rng):
    """Heads of messages of the corpus with a few bytes changed."""
    for group in oracle.GROUPS:
        for path in oracle.files_of(corpus, group, 10 * every):
            with open(path, "rb") as f:
                head = f.read(32768).split(b"\n\n")[0] + b"\n"
            for _ in range(2):
                head = oracle.mutated(head, rng)
            yield head + b"\nx\n"


def run(build, corpus, every=1):
    """[(suite, same, total, differing)]"""
    hits = collections.Counter()
    suites = [(f"spam-header-eval-{g}", *compared(build, oracle.files_of(corpus, g, every), hits)) for g in oracle.GROUPS]
    rng = oracle.seeded(2)
    folder = os.path.join(oracle.CACHE, "header-eval-generated")
    messages = [made(rng) for _ in range(6000 // every)] + list(mutants(corpus, every, rng))
    messages += [head + b"\nx\n" for head in HEADS]
    messages += [oracle.mutated(head, rng) + b"\nx\n" for head in HEADS for _ in range(600 // every)]
    suites.append(("spam-header-eval-generated", *compared(build, oracle.written(folder, messages), hits)))
    never = [call for call, n in hits.items() if n == 0]
    suites[-1][3].extend([f"never hit: {call}" for call in never] if os.environ.get("POSTERN_PARITY_HITS") else [])
    return [(name, same, total, faults[:SHOWN]) for name, same, total, faults in suites]
