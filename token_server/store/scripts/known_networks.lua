-- Notes a network with the moment of its last good log-in, and keeps the latest ones only.
--
-- KEYS: the sorted set   ARGV: network, now (microseconds), most, how long the set is kept (s)

redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
