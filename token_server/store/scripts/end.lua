-- Ends one session. Answers done to the one attempt that did it, else why not: unknown, misplaced
-- (it is another client's), revoked (the access token that shall end it), or ended (and why).
--
-- KEYS: session, subject record; the revocations of the access token that is to end it, if one is,
--   and of its origins
-- ARGV: why, attempt, whose it must be ('=' and the client, if any; '': anybody's), '1' if it may be
--   nobody's as well

local record = read(KEYS[1])
if not record.p then return {'unknown'} end
local is_open = ARGV[3] == '' or (ARGV[4] == '1' and not record.c)
if not is_open and '=' .. (record.c or '') ~= ARGV[3] then return {'misplaced'} end
if all_ended(KEYS[2], record) then return {'ended', 'all_ended'} end
if record.e then
  if record.t == ARGV[2] then return {'done'} end -- our own retry
  return {'ended', record.e}
end
for at = 3, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 1 then return {'revoked'} end
end
redis.call('HSET', KEYS[1], 'e', ARGV[1], 't', ARGV[2])
return {'done'}
