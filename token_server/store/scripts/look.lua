-- What is known of a session and an access token; changes nothing.
--
-- KEYS: session, subject record, revoked access token

local record = read(KEYS[1])
local ended = record.e or (record.g and all_ended(KEYS[2], record.o) and 'all_ended')
return {redis.call('EXISTS', KEYS[3]), ended, unpack(answer('', record), 2, 12)}
