-- Bars an account from logging in, and ends its sessions; answers 0 where there is none.
--
-- KEYS: account, subject record
-- ARGV: now, how long the subject's record must be kept (milliseconds)

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'disabled', '1', 'updated_at', ARGV[1])
end_all_sessions(KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]))
return 1
