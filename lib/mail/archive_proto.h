/* archive_proto.h: the frames that postern-archived speaks on its unix socket (net.h frames).
 *
 * A connection carries any number of requests; replies come in the order of the requests of that
 * connection. JSON is UTF-8 without a closing NUL. The numbers are the protocol: never reused. */
#pragma once

#define ARCHIVE_FRAME_MAX (256u << 20) /* most bytes of one frame; the daemon's setting may be lower */

enum archive_request {
    ARCHIVE_INGEST = 1,    /* payload: capture_encode() with message. Reply STORED or ERROR */
    ARCHIVE_SEARCH = 2,    /* {"query","limit"(20),"before"(id),"snippets"(true),"mailbox"(address)}. Reply HITS */
    ARCHIVE_FETCH = 3,     /* {"id": content or event id,"mailbox"(only what it may see)}. Reply META, then RAW frames,
                              then END */
    ARCHIVE_VERIFY = 4,    /* {}. Replies PROGRESS..., then REPORT {"ok","problems":[],...} */
    ARCHIVE_STATUS = 5,    /* {}. Reply REPORT */
    ARCHIVE_RECONCILE = 6, /* {"queue_ids":[{"id","time"(s)}],"add"(false)}. Reply REPORT {"missing":[{"id","time"}]};
                              sets the gauge postern_archive_unarchived_messages, or adds to it (a further part of one
                              list) */
    ARCHIVE_CATCH_UP = 7   /* {}: answers REPORT once all that is durable now is in SQL and index; PROGRESS meanwhile; FAILED
                              busy after a minute */
};
enum archive_reply {
    ARCHIVE_STORED = 0x81,   /* {"id","event","known":bool,"repeat":bool} */
    ARCHIVE_HITS = 0x82,     /* {"hits":[{"id","time","from","to":[],"subject","date","size","attachments":[],
                                "snippet",...}],"more":bool,"incomplete":bool,"lag":n} newest first; members are described
                                in archive-store/server/search.c, those of META in fetch.c */
    ARCHIVE_META = 0x83,     /* the envelope and every delivery event, as JSON (byte strings that are not
                                UTF-8 are shown with U+FFFD) */
    ARCHIVE_RAW = 0x84,      /* up to 1 MiB of the message's bytes */
    ARCHIVE_END = 0x85,      /* {} */
    ARCHIVE_PROGRESS = 0x86, /* {"done","total","what"} */
    ARCHIVE_REPORT = 0x87,   /* JSON by request */
    ARCHIVE_FAILED = 0xee    /* {"code":"full|io|bad|busy|absent|query|erased","text","temporary":bool} */
};
