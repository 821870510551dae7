-- Forgets an account, and ends its sessions; answers 0 where there is none.
--
-- KEYS: subject record, account
-- ARGV: how long the subject's record must be kept, until when a session may live

if redis.call('DEL', KEYS[2]) == 0 then return 0 end
end_all_sessions(KEYS[1], ARGV[1], ARGV[2])
-- For as long as that is remembered, no other issuer may name it: see begin.lua.
redis.call('HSET', KEYS[1], 'removed', '1')
return 1
