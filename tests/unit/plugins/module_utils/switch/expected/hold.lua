-- Written by hotswap.containers: changes are overwritten.
-- A request waits while its service is held, unless this worker was replaced: then the new one lets it wait.
local held = Map.new("/c/held.map", Map._str)
local replaced = Map.new("/c/relay.map", Map._str)

local function milliseconds()
    local now = core.now()
    return now.sec * 1000 + now.usec / 1000
end

core.register_action("hotswap_hold", { "http-req" }, function(_, service, longest)
    local ends = milliseconds() + tonumber(longest)
    while held:lookup(service) and not replaced:lookup("on") and milliseconds() < ends do
        core.msleep(50)
    end
end, 2)
