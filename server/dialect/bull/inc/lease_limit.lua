-- Within lease(): may it run now?
if limit_max > 0 then
    local rest = others().limit(id)
    if rest then
        return PARKED, rest
    end
end
