-- What is known of a session and, where one is named, of an access token; changes nothing.
--
-- KEYS: session, subject record, the revocations of the access token and of its origins

local record = read(KEYS[1])
local ended = record.e or (record.p and all_ended(KEYS[2], record) and 'all_ended')
local revoked = 0
for at = 3, #KEYS do revoked = revoked + redis.call('EXISTS', KEYS[at]) end
return {revoked, ended, unpack(answer('', record), 2, 5)}
