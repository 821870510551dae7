-- Bars an account from logging in, and ends its sessions; answers 0 where there is none.
--
-- KEYS: subject record, account
-- ARGV: how long the subject's record must be kept, until when a session may live, now

if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], 'disabled', '1', 'updated_at', ARGV[3])
end_all_sessions(KEYS[1], ARGV[1], ARGV[2])
return 1
