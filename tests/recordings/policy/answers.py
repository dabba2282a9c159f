def table(site, version):
    return ""
