-- Ends one session. Answers done to the one attempt that did it, else why not: unknown, misplaced
-- (it is another client's), revoked (the access token that shall end it), or ended (and why).
--
-- KEYS: session, subject record, revoked access token (where one is to end it)
-- ARGV: sid, why, attempt, whose it must be ('=' and the client, if any; '': anybody's), '1' if it
--   may be nobody's as well

local record = read(KEYS[1])
if not record.g then return {'unknown'} end
local is_open = ARGV[4] == '' or (ARGV[5] == '1' and not record.c)
if not is_open and '=' .. (record.c or '') ~= ARGV[4] then return {'misplaced'} end
if all_ended(KEYS[2], record.o) then return {'ended', 'all_ended'} end
if record.e then
  if record.t == ARGV[3] then return {'done'} end -- our own retry
  return {'ended', record.e}
end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then return {'revoked'} end
redis.call('HSET', KEYS[1], 'e', ARGV[2], 't', ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[1])
return {'done'}
