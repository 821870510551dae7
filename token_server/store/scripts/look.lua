-- What is known of a session and, where one is named, of an access token; changes nothing.
--
-- KEYS: session, subject record, revoked access token

local record = read(KEYS[1])
local ended = record.e or (record.p and all_ended(KEYS[2], record) and 'all_ended')
local revoked = KEYS[3] and redis.call('EXISTS', KEYS[3]) or 0
return {revoked, ended, unpack(answer('', record), 2, 5)}
