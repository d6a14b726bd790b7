"""The Lua scripts of the plan store. Time is the server's; epochs and hashes are compared as text
only where equality is asked, as numbers where order is.
"""

from __future__ import annotations

from controller.ports import GENESIS

_NOW_MS = """
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
"""

LEASE = (
    _NOW_MS
    + """
-- KEYS lease, head; ARGV holder, epoch, ttl_ms. Gives 1 when taken.
local held = redis.call('HMGET', KEYS[1], 'holder', 'epoch', 'until_ms')
local committed = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0')
local epoch = tonumber(ARGV[2])
if epoch < math.max(tonumber(held[2] or '0'), committed) then return 0 end
if held[1] and held[1] ~= ARGV[1] then
  if tonumber(held[3]) > now_ms or epoch == committed then return 0 end
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'epoch', ARGV[2],
           'until_ms', string.format('%.0f', now_ms + tonumber(ARGV[3])))
return 1
"""
)
"""Holder and epoch outlive the lease, so that epochs never go back."""

RELEASE = """
-- KEYS lease; ARGV holder, epoch
local held = redis.call('HMGET', KEYS[1], 'holder', 'epoch')
if held[1] == ARGV[1] and held[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'until_ms', '0')
end
return 1
"""

COMMIT = (
    _NOW_MS
    + f"""
-- KEYS head, lease, log, plan, state
-- ARGV holder, epoch, revision, prev_head, head, plan, state, record...
local head = redis.call('HGET', KEYS[1], 'hash') or '{GENESIS}'
if head == ARGV[5] then return 'published' end
local held = redis.call('HMGET', KEYS[2], 'holder', 'epoch', 'until_ms')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 'refused' end
if tonumber(held[3]) <= now_ms then return 'refused' end
if head ~= ARGV[4] then return 'behind' end
for index = 8, #ARGV do
  redis.call('XADD', KEYS[3], '*', 'record', ARGV[index])
end
redis.call('SET', KEYS[4], ARGV[6])
redis.call('SET', KEYS[5], ARGV[7])
redis.call('HSET', KEYS[1], 'hash', ARGV[5], 'epoch', ARGV[2], 'revision', ARGV[3])
redis.call('PUBLISH', KEYS[4], ARGV[6])
return 'published'
"""
)

RESERVE = (
    _NOW_MS
    + """
-- KEYS grants, longest span; ARGV owner and key, cost, count, per_ms
-- Gives {granted, used, free_in_ms}. One member for each single action.
local cost, count, per_ms = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local longest_ms = math.max(per_ms, tonumber(redis.call('GET', KEYS[2]) or '0'))
local since = string.format('(%.0f', now_ms - per_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now_ms - longest_ms))
local used = redis.call('ZCOUNT', KEYS[1], since, '+inf')
local mine = redis.call('ZSCORE', KEYS[1], ARGV[1] .. '#1')
local granted = mine and tonumber(mine) > now_ms - per_ms
if not granted and used + cost <= count then
  granted = true
  used = used + cost
  for each = 1, cost do
    redis.call('ZADD', KEYS[1], string.format('%.0f', now_ms), ARGV[1] .. '#' .. each)
  end
  redis.call('SET', KEYS[2], string.format('%.0f', longest_ms))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', longest_ms))
  redis.call('PEXPIRE', KEYS[2], string.format('%.0f', longest_ms))
end
local in_the_way = 1
if not granted then in_the_way = used + cost - count end
local oldest = redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES',
                          'LIMIT', in_the_way - 1, 1)
return {granted and 1 or 0, used, tonumber(oldest[2]) + per_ms - now_ms}
"""
)
"""Who names another span does not shorten the memory of the others."""

REFILL = f"""
-- KEYS head, log, plan, state, staging; ARGV found, head, epoch, revision, plan, state
local head = redis.call('HGET', KEYS[1], 'hash') or '{GENESIS}'
if head ~= ARGV[1] then
  redis.call('DEL', KEYS[5])
  return 0
end
if head == '{GENESIS}' then
  redis.call('DEL', KEYS[2])
  if redis.call('EXISTS', KEYS[5]) == 1 then
    redis.call('RENAME', KEYS[5], KEYS[2])
    redis.call('PERSIST', KEYS[2])
  end
else
  for _, entry in ipairs(redis.call('XRANGE', KEYS[5], '-', '+')) do
    redis.call('XADD', KEYS[2], '*', unpack(entry[2]))
  end
  redis.call('DEL', KEYS[5])
end
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[3], ARGV[5])
  redis.call('PUBLISH', KEYS[3], ARGV[5])
end
if ARGV[6] ~= '' then redis.call('SET', KEYS[4], ARGV[6]) end
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'epoch', ARGV[3], 'revision', ARGV[4])
return 1
"""
"""Joins only on the head the copy was compared with; anything that moved meanwhile gives 0."""
