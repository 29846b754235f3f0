-- The version of the plugin, the same as the server's; a test compares them.
return '0.1.0'
