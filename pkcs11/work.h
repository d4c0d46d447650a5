/* work: answers the frames of one channel. */
#ifndef HSMGATE_PKCS11_WORK_H
#define HSMGATE_PKCS11_WORK_H

#include "pkcs11/worker.h"

/* One channel's memory, kept from frame to frame. */
struct work {
    struct worker *worker;
    struct frame_item *requests; /* FRAME_ITEMS_MAX each */
    struct frame_item *replies;
    struct buf body;    /* of the request; the requests' spans point into it */
    struct buf results; /* the replies' spans point into it; wiped after each frame */
    struct buf answer;  /* the encoded reply */
    uint8_t share;      /* of its time that the thread was at work, in 255ths; 0: not said */
};

void work_init(struct work *work, struct worker *worker);
void work_clear(struct work *work);
/* Answers the frame whose body is in work->body; the reply is in work->answer. ERR_CORRUPT when
 * the request is not one: the channel must be closed. */
MUST_USE struct err work_answer(struct work *work, const struct frame_head *head);
/* Answers frames until the peer is gone (ERR_IO) or sends something that is no request. */
MUST_USE struct err work_serve(struct work *work, int fd);

#endif
