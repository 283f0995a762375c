// What pages need beyond plain forms and links stands here.
