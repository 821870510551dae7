-- The store secret: the first one offered stays.   KEYS: its key   ARGV: an offer

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
