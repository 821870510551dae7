-- Ends one session. Answers done to the one attempt that did it, else ended (and why) or unknown.
--
-- KEYS: session, subject record
-- ARGV: sid, why, attempt

local record = read(KEYS[1])
if not record.g then return {'unknown'} end
if all_ended(KEYS[2], record.o) then return {'ended', 'all_ended'} end
if record.e then
  if record.t == ARGV[3] then return {'done'} end -- our own retry
  return {'ended', record.e}
end
redis.call('HSET', KEYS[1], 'e', ARGV[2], 't', ARGV[3])
redis.call('HDEL', KEYS[2], ARGV[1])
return {'done'}
