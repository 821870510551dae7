-- Ends one session. Answers done to the one attempt that did it, else why not: unknown, misplaced
-- (it is another client's), revoked (the access token that shall end it), or ended (and why).
--
-- KEYS: session, subject record, revoked access token (where one is to end it)
-- ARGV: sid, why, attempt, whose it must be if it is anybody's ('=' and the client; '': anybody's)

local record = read(KEYS[1])
if not record.g then return {'unknown'} end
if ARGV[4] ~= '' and record.c and '=' .. record.c ~= ARGV[4] then return {'misplaced'} end
if all_ended(KEYS[2], record.o) then return {'ended', 'all_ended'} end
if record.e then
  if record.t == ARGV[3] then return {'done'} end -- our own retry
  return {'ended', record.e}
end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then return {'revoked'} end
redis.call('HSET', KEYS[1], 'e', ARGV[2], 't', ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[1])
return {'done'}
