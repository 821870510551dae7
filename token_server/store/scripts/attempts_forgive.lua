-- Takes back one attempt.   KEYS: the moment when all is paid off   ARGV: interval (microseconds)

local paid_off_at = tonumber(redis.call('GET', KEYS[1]) or 0)
if paid_off_at > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', paid_off_at - tonumber(ARGV[1])), 'KEEPTTL')
end
return 1
